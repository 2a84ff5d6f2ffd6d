#include "core/rpc/http_hint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vectron::rpc {

bool speaks_http(ByteView bytes) {
  // The last is how HTTP/2 begins.
  static constexpr std::array<std::string_view, 10> kBeginnings = {
      "GET ", "POST", "HEAD", "PUT ", "DELE", "PATC", "OPTI", "CONN", "TRAC", "PRI "};
  if (bytes.size() < 4) return false;
  return std::ranges::find(kBeginnings, as_text(bytes.first(4))) != kBeginnings.end();
}

std::string http_hint(std::string_view place) {
  const std::string where = place.empty()
                                ? "this process serves no HTTP, which the option http turns on"
                                : fmt::format("HTTP is at {}", place);
  // `place` is made of numbers and names of hosts: nothing in it needs escaping.
  const std::string body = fmt::format(
      "{{\"error\":{{\"code\":\"invalid_argument\",\"message\":\"this port speaks Vectron's RPC; "
      "{}\"}}}}\n",
      where);
  return fmt::format(
      "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
      "Connection: close\r\n\r\n{}",
      body.size(), body);
}

}  // namespace vectron::rpc
