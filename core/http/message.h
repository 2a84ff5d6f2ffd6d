// What an HTTP request and its answer are to a handler: plain values.
//
// The server (server.h) makes requests out of bytes and bytes out of responses; handlers are
// tasks that see neither connections nor framing.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/async/cancellation.h"
#include "core/async/task.h"
#include "core/base/status.h"

namespace vectron::http {

enum class Method : uint8_t { get, head, post, put, patch, delete_, options, other };

/// As it stands in a request line; "OTHER" for `other`.
std::string_view method_name(Method method);

/// A name with its value: a header field, a query parameter or a path parameter.
struct Field {
  std::string name;
  std::string value;
  bool operator==(const Field&) const = default;
};

/// The value of the first field called `name`; null where there is none. Lives as long as `fields`.
const std::string* find_field(const std::vector<Field>& fields, std::string_view name);

/// Between a request and its answer: whoever wants to know what the client is told, or that it is
/// told nothing, says so here.
class Outcome {
 public:
  /// Called once: with the code of the answer that goes out and the bytes of its body (0 of an
  /// error), or with `cancelled` when nobody waits for one any more.
  using Told = std::function<void(Code code, size_t reply_bytes)>;

  void watch(Told told) { told_ = std::move(told); }
  bool watched() const { return told_ != nullptr; }
  void tell(Code code, size_t reply_bytes) {
    const Told told = std::exchange(told_, nullptr);
    if (told) told(code, reply_bytes);
  }

 private:
  Told told_;
};

struct Request {
  Method method = Method::get;
  /// Of the path, percent-decoded: "/a/b%2Fc" is a, b/c.
  std::vector<std::string> segments;
  /// In their order, decoded.
  std::vector<Field> query;
  /// In their order; names in lower case.
  std::vector<Field> headers;
  /// Parts of the path that the route's pattern names; filled by the router.
  std::vector<Field> parameters;
  /// Without its chunks.
  std::string body;
  /// Only the head is here; the client waits to send the rest.
  bool body_follows = false;
  /// Null where nobody will tell.
  std::shared_ptr<Outcome> outcome;
  /// Set when nobody waits for the answer any more.
  CancellationToken cancellation = CancellationToken::create();

  /// The value of a header field, by its name in lower case; null where there is none.
  const std::string* header(std::string_view name) const { return find_field(headers, name); }
};

struct Response {
  int status = 200;
  /// Empty for none.
  std::string content_type = "application/json";
  /// Besides those of the framing. Without CR, LF or NUL.
  std::vector<Field> headers;
  std::string body;
  /// The code that an error has in its body.
  Code code = Code::ok;
};

/// Answers a request. The task owns all that it touches, or its objects outlive the server; it is
/// destroyed where it stands when the connection is lost.
using Handler = std::function<Task<Response>(Request)>;

/// {"error": {"code": ..., "message": ..., "field": ...}} under `http_status`; the field only where
/// there is one. What will pass by itself (unavailable, resource_exhausted) says Retry-After.
Response error_response(int http_status, const Status& status);
/// The same under the status that says what status.code() says.
Response error_response(const Status& status);
/// Plain text, as probes answer it.
Response text_response(int http_status, std::string text);

/// "Not Found" for 404.
std::string_view reason_phrase(int http_status);

}  // namespace vectron::http
