// Pieces of JSON text: strings and numbers, in the one form in which everything here writes them.
//
// Numbers are exact: a float in the shortest form that reads back as the same float, 64-bit
// integers with all their digits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vectron::http {

/// Appends `text` in quotes. Control characters are escaped; bytes that are not UTF-8 become
/// U+FFFD, because JSON cannot say them.
void append_json_string(std::string& out, std::string_view text);

void append_json_number(std::string& out, uint64_t value);
void append_json_number(std::string& out, int64_t value);
/// A number that is not finite becomes null. Whole numbers have no '.', but -0 is "-0.0", for
/// readers that take a number without one for an integer.
void append_json_number(std::string& out, float value);
/// Always with a '.' or an 'e', so that it reads back as a double and not as an integer.
void append_json_number(std::string& out, double value);

/// How many bytes of `text` are valid UTF-8 (no surrogates, nothing overlong): text.size() when all
/// are.
size_t valid_utf8_prefix(std::string_view text);

}  // namespace vectron::http
