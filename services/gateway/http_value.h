// What JSON bodies and queries have in common in reading a value.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace vectron::gateway {

/// So many bytes may a text have that stands for a number.
inline constexpr size_t kNumberTextBytesMax = 64;

/// The number that a text of 1 to 64 bytes stands for: its hash, never 0. Errors: invalid_argument
/// (another length), without a field.
Result<uint64_t> number_of_text(std::string_view text);

/// What of a client's own text a message repeats: a short beginning, never half a character.
std::string shown_value(std::string_view text);

template <typename Names>
std::string not_one_of(const Names& names, std::string_view text) {
  return fmt::format("must be one of {}, not \"{}\"", fmt::join(names, ", "), shown_value(text));
}

}  // namespace vectron::gateway
