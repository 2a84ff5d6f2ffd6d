// A client's request as bytes (RFC 9112).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/http/message.h"

namespace vectron::http {

/// A request as a client makes it, before it is bytes.
struct ClientRequest {
  Method method = Method::get;
  /// Path and query as they stand in the request line; percent_encode() makes their pieces.
  std::string target = "/";
  /// Besides Host and those of the framing. Without CR, LF or NUL.
  std::vector<Field> headers;
  /// Told only where there is a body.
  std::string content_type = "application/json";
  std::string body;
};

/// The whole request for the server called `host`, framed by Content-Length. Requires: the method
/// is not `other`; the target has no space and no control character.
std::string write_request(const ClientRequest& request, std::string_view host);

/// `text` as one segment of a path or one value of a query: everything but letters, digits and
/// "-._~" as %XX (RFC 3986, section 2.3).
std::string percent_encode(std::string_view text);

}  // namespace vectron::http
