// RequestParser: the bytes of one HTTP/1.x request, as a Request (RFC 9110, RFC 9112).
//
// Fed with pieces of any size; the result does not depend on where they were cut. Boost.Beast
// reads the syntax; what it leaves to its user (limits over the whole head, Host, transfer codings
// that would open the door to request smuggling) is checked here.
#pragma once

#include <expected>
#include <memory>

#include "core/base/bytes.h"
#include "core/http/message.h"

namespace vectron::http {

struct ParserLimits {
  /// Request line and headers; of trailers and chunk lines too.
  size_t head_bytes_max = 16 << 10;
  /// Header fields, trailers included.
  size_t headers_max = 100;
  /// Chunks taken off.
  size_t body_bytes_max = 64 << 20;
};

/// Why a request cannot be read. The connection can only be closed after the answer: where the next
/// request would begin is not known.
struct Refusal {
  int http_status = 400;
  Status reason;
};

class RequestParser {
 public:
  enum class Stage : uint8_t { head, body, done };

  explicit RequestParser(ParserLimits limits);
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;
  RequestParser& operator=(RequestParser&&) noexcept;

  /// Takes bytes and returns how many; those not taken must come again with more behind them, or
  /// belong to the next request. Requires: stage() is not done, and no refusal before.
  std::expected<size_t, Refusal> feed(ByteView bytes);

  Stage stage() const;
  /// Whether the client waits for "100 Continue" before it sends the body. Requires: not in `head`.
  bool expects_continue() const;
  /// Whether another request may follow on the connection. Requires: not in `head`.
  bool keep_alive() const;
  /// Whether the client speaks HTTP/1.0, which must be told that a connection stays open.
  bool is_http_1_0() const;
  /// Whether all of the head was read, though it may have been refused.
  bool knows_head() const;
  /// The request as far as its head says: a copy without the body. Requires: knows_head(), and it
  /// was not taken.
  Request head() const;
  /// The whole request, before it is taken. Requires: stage() is done.
  Request& request();
  /// Bytes of the body so far.
  size_t body_bytes() const;

  /// Requires: stage() is done; once.
  Request take();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vectron::http
