// shown(): so much of a text that somebody else wrote as a message shows of it.
#pragma once

#include <cstddef>
#include <string_view>

namespace vectron {

inline constexpr size_t kShownBytesMax = 128;

/// The beginning of `text`, without a letter that would be cut in two.
constexpr std::string_view shown(std::string_view text, size_t bytes_max = kShownBytesMax) {
  if (text.size() <= bytes_max) return text;
  size_t end = bytes_max;
  const auto continues = [&](size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  while (end > 0 && bytes_max - end < 4 && continues(end)) --end;
  return text.substr(0, end);
}

}  // namespace vectron
