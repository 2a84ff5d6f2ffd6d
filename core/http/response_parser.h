// ResponseParser: the bytes of one HTTP/1.x response, as a Response (RFC 9112).
//
// The client's half of request_parser.h: fed with pieces of any size, the result does not depend on
// where they were cut. Boost.Beast reads the syntax. Interim answers (1xx) are read over.
#pragma once

#include <memory>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/http/request_parser.h"

namespace vectron::http {

class ResponseParser {
 public:
  /// `to_head`: the request was a HEAD, whose answer has no body whatever its length says.
  explicit ResponseParser(ParserLimits limits, bool to_head = false);
  ~ResponseParser();

  /// Takes bytes and returns how many; those not taken must come again with more behind them.
  /// Requires: not done(), and no error before. Errors: data_loss (not a response, or one beyond
  /// the limits); the connection is of no further use then.
  Result<size_t> feed(ByteView bytes);
  /// The peer ended its side: the end of a response that is framed by nothing else. Errors:
  /// data_loss (it ended in the middle).
  Result<void> end();

  bool done() const;
  /// Whether another request may follow on the connection. Requires: done().
  bool keep_alive() const;
  /// Requires: done(); once. Header names are in lower case.
  Response take();

 private:
  class Impl;
  ParserLimits limits_;
  bool to_head_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vectron::http
