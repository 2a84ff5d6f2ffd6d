#include "services/gateway/http_value.h"

#include <algorithm>

#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/http/json_text.h"

namespace vectron::gateway {
namespace {

constexpr size_t kShownBytesMax = 64;

}  // namespace

// Part of what clients rely on: a repetition that another version of this program gets must find
// the same number.
Result<uint64_t> number_of_text(std::string_view text) {
  if (text.empty() || text.size() > kNumberTextBytesMax) {
    return fail(Code::invalid_argument,
                fmt::format("must be a whole number, or a text of 1 to {} bytes; this one has {}",
                            kNumberTextBytesMax, text.size()));
  }
  return std::max<uint64_t>(checksum64(as_bytes(text)), 1);
}

std::string shown_value(std::string_view text) {
  const std::string_view beginning = text.substr(0, kShownBytesMax);
  const size_t whole = http::valid_utf8_prefix(beginning);
  return fmt::format("{}{}", beginning.substr(0, whole), whole < text.size() ? "..." : "");
}

}  // namespace vectron::gateway
