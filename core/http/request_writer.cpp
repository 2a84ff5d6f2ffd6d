#include "core/http/request_writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::http {
namespace {

bool is_plain(char letter) {
  const bool alphabetic = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');
  const bool digit = letter >= '0' && letter <= '9';
  return alphabetic || digit || std::string_view("-._~").find(letter) != std::string_view::npos;
}

// Anything else would end the line or the target early.
bool is_target(std::string_view target) {
  const auto visible = [](char letter) { return letter > ' ' && letter != '\x7f'; };
  return target.starts_with('/') && std::ranges::all_of(target, visible);
}

bool is_field_text(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  VECTRON_ASSERT(!name.empty() && is_field_text(name) && is_field_text(value),
                 "the field \"{}\" would break the framing", name);
  fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
}

// These say what their body is even when it is empty (RFC 9110, section 8.6).
bool has_body(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch;
}

}  // namespace

std::string write_request(const ClientRequest& request, std::string_view host) {
  VECTRON_ASSERT(request.method != Method::other);
  VECTRON_ASSERT(is_target(request.target), "\"{}\" is no target", request.target);
  std::string out;
  out.reserve(256 + request.target.size() + request.body.size());
  fmt::format_to(std::back_inserter(out), "{} {} HTTP/1.1\r\n", method_name(request.method),
                 request.target);
  append_field(out, "Host", host);
  for (const Field& field : request.headers) append_field(out, field.name, field.value);
  if (!request.body.empty()) append_field(out, "Content-Type", request.content_type);
  if (!request.body.empty() || has_body(request.method)) {
    append_field(out, "Content-Length", fmt::format_int(request.body.size()).c_str());
  }
  out += "\r\n";
  out += request.body;
  return out;
}

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char letter : text) {
    if (is_plain(letter)) {
      out += letter;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<uint8_t>(letter));
    }
  }
  return out;
}

}  // namespace vectron::http
