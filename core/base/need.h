// need(): how a configuration's validate() checks its fields.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/result.h"

namespace vectron {

/// Ok when `holds`. Errors: invalid_argument, where `what` says what must be so, and of `field`.
inline Result<void> need(bool holds, std::string_view field, std::string_view what) {
  if (holds) return {};
  return fail(Code::invalid_argument, std::string(what), std::string(field));
}

/// The same of a number, or of a quotient that must not come to nothing.
inline Result<void> need_positive(uint64_t value, std::string_view field) {
  return need(value > 0, field, "must be greater than 0");
}

}  // namespace vectron
