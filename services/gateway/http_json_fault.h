// Where a text stops being JSON.
//
// simdjson says that a text is wrong, and for many of its errors not where: those of its first pass
// (unclosed texts, control characters, bytes that are not UTF-8) have no place at all. Only a body
// that was refused is looked at here, once more from its beginning. Pure. Used by JsonReader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vectron::gateway {

struct JsonFault {
  enum class Kind : uint8_t {
    /// No JSON begins with what comes before and this byte.
    wrong_byte,
    /// The text ends before its value does; `at` is its size.
    cut_short,
    /// There is something behind the value.
    trailing,
  };
  Kind kind = Kind::wrong_byte;
  /// Bytes before the fault: the first byte is 0.
  size_t at = 0;
  bool operator==(const JsonFault&) const = default;
};

/// The first byte of `text` with which it is no beginning of a JSON text (RFC 8259, one value with
/// blanks around it) any more; none where the whole text is one. What lies between the quotes of
/// texts is looked at for control characters, escapes and halves of pairs, not for UTF-8. Memory:
/// one byte for each open object and list.
std::optional<JsonFault> find_json_fault(std::string_view text);

}  // namespace vectron::gateway
