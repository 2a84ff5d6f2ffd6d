// A Response as bytes.
#pragma once

#include <span>
#include <string>

#include "core/base/time.h"
#include "core/http/message.h"

namespace vectron::http {

/// Whatever a response's bytes depend on besides the response.
struct Framing {
  /// For the Date field.
  WallTime now;
  /// Say that the connection ends after it.
  bool closes = false;
  /// Say that it stays open, where it does.
  bool http_1_0 = false;
  /// An answer to HEAD: the length is told, the body not sent.
  bool without_body = false;
  /// Besides the response's own.
  std::span<const Field> fields;
};

/// All of the response but its body.
std::string write_response_head(const Response& response, const Framing& framing);

/// Whether a body follows the head.
bool has_body(const Response& response, const Framing& framing);

/// The whole response, framed by Content-Length.
std::string write_response(const Response& response, const Framing& framing);

/// The interim answer to "Expect: 100-continue".
inline constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7).
std::string http_date(WallTime time);

}  // namespace vectron::http
