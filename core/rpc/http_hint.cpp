#include "core/rpc/http_hint.h"

#include <fmt/format.h>

#include <algorithm>

namespace vectron::rpc {

// A word in capitals and a space: HTTP takes any word for a method.
bool speaks_http(ByteView bytes) {
  if (bytes.size() < 4) return false;
  const std::string_view word = as_text(bytes.first(4));
  const auto is_printable = [](char letter) { return letter >= ' ' && letter <= '~'; };
  if (!std::ranges::all_of(word, is_printable)) return false;
  const size_t letters =
      std::min(word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), word.size());
  return letters == word.size() || (letters > 0 && word[letters] == ' ');
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
