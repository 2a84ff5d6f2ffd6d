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

namespace {

std::string where_http_is(const std::optional<Address>& place) {
  if (!place.has_value()) return "this process serves no HTTP, which the option http turns on";
  const size_t colon = std::min(place->text.rfind(':'), place->text.size());
  const std::string_view host = std::string_view(place->text).substr(0, colon);
  if (host == "*" || host == "0.0.0.0" || host == "[::]") {
    return fmt::format("HTTP is at port {} of this host",
                       std::string_view(place->text).substr(colon + 1));
  }
  return fmt::format("HTTP is at http://{}", place->text);
}

}  // namespace

std::string http_hint(const std::optional<Address>& place) {
  const std::string where = where_http_is(place);
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
