#include "core/http/target.h"

#include <algorithm>

namespace vectron::http {
namespace {

std::unexpected<Status> bad(std::string message) {
  return fail(Code::invalid_argument, std::move(message));
}

int hex_digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

// Cuts `text` at the first `separator` and returns what was before it.
std::string_view cut(std::string_view* text, char separator) {
  const size_t at = text->find(separator);
  const std::string_view head = text->substr(0, at);
  text->remove_prefix(at == std::string_view::npos ? text->size() : at + 1);
  return head;
}

Result<std::string> decode_query(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return percent_decode(spaced);
}

Result<std::vector<std::string>> parse_path(std::string_view path) {
  std::vector<std::string> segments;
  path.remove_prefix(1);
  if (path.empty()) return segments;
  for (bool more = true; more;) {
    more = path.find('/') != std::string_view::npos;
    VECTRON_TRY(std::string segment, percent_decode(cut(&path, '/')));
    segments.push_back(std::move(segment));
  }
  return segments;
}

Result<std::vector<Field>> parse_query(std::string_view query) {
  std::vector<Field> out;
  while (!query.empty()) {
    std::string_view pair = cut(&query, '&');
    if (pair.empty()) continue;
    VECTRON_TRY(std::string name, decode_query(cut(&pair, '=')));
    VECTRON_TRY(std::string value, decode_query(pair));
    out.push_back({std::move(name), std::move(value)});
  }
  return out;
}

// "http://host/path" without its scheme and host.
std::string_view without_authority(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const size_t path = target.find_first_of("/?", scheme.size());
    if (path != std::string_view::npos) return target.substr(path);
    return "/";
  }
  return target;
}

}  // namespace

Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return bad("a '%' is not followed by two hexadecimal digits");
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

Result<Target> parse_target(std::string_view target) {
  target = without_authority(target);
  if (target.find('#') != std::string_view::npos) return bad("a path has no fragment ('#')");
  std::string_view query = target;
  const std::string_view path = cut(&query, '?');
  if (!path.starts_with('/')) return bad("a path begins with '/'");
  Target out;
  Result<std::vector<std::string>> segments = parse_path(path);
  if (!segments.has_value()) return fail(segments.error().with_context("in the path"));
  Result<std::vector<Field>> fields = parse_query(query);
  if (!fields.has_value()) return fail(fields.error().with_context("in the query"));
  out.segments = *std::move(segments);
  out.query = *std::move(fields);
  return out;
}

}  // namespace vectron::http
