// The target of a request line, taken apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/http/message.h"

namespace vectron::http {

struct Target {
  std::vector<std::string> segments;
  std::vector<Field> query;
};

/// Splits "/v1/points/a%20b?x=1&y" at '/', '?', '&' and '=', and decodes the pieces afterwards, so
/// that an encoded '/' is part of a segment. The path "/" has no segments; one that ends in '/' has
/// an empty last one. The absolute form ("http://host/path") is taken too. In queries '+' is a
/// space. Errors: invalid_argument.
Result<Target> parse_target(std::string_view target);

/// Replaces each %XX by its byte. Errors: invalid_argument (a '%' without two hexadecimal digits).
Result<std::string> percent_decode(std::string_view text);

}  // namespace vectron::http
