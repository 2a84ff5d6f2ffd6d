// need(): how a configuration's validate() checks its fields.
//
// Each validate() is rows of VECTRON_CHECK_OK(need...(...)), in the order of the fields, and then
// the validate() of its parts. A row says what must be so of one field, which it names.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"

namespace vectron {

/// Ok when `holds`. Errors: invalid_argument, where `what` says what must be so, and of `field`.
inline Result<void> need(bool holds, std::string_view field, std::string_view what) {
  if (holds) return {};
  return fail(Code::invalid_argument, std::string(what), std::string(field));
}

inline Result<void> need_positive(uint64_t value, std::string_view field) {
  return need(value > 0, field, "must be greater than 0");
}
inline Result<void> need_positive(Duration value, std::string_view field) {
  return need(value > Duration::zero(), field, "must be longer than zero");
}
inline Result<void> need_not_negative(Duration value, std::string_view field) {
  return need(value >= Duration::zero(), field, "must not be negative");
}

inline Result<void> need_at_least(uint64_t value, uint64_t least, std::string_view field) {
  if (value >= least) return {};
  return need(false, field, fmt::format("must be at least {}", least));
}

/// `least` and `most` are allowed.
inline Result<void> need_between(uint64_t value, uint64_t least, uint64_t most,
                                 std::string_view field) {
  if (value >= least && value <= most) return {};
  return need(false, field, fmt::format("must be between {} and {}", least, most));
}

}  // namespace vectron
