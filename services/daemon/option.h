// Option: one thing that a `vectron` process can be told, with all that is to be known of it.
//
// There is one table of them. Flags, environment variables, keys of the configuration file,
// validation, `vectron config` and docs/configuration.md are all made from it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/daemon/role.h"

namespace vectron {

/// A set of roles.
struct RoleSet {
  uint8_t bits = 0;
  constexpr bool has(Role role) const { return (bits >> role.place() & 1) != 0; }
  constexpr RoleSet operator|(RoleSet other) const {
    return {static_cast<uint8_t>(bits | other.bits)};
  }
};
constexpr RoleSet only(Role role) {
  return {static_cast<uint8_t>(1U << role.place())};
}

/// How an option's text becomes a field of Settings, and back. options/values.h makes them.
struct OptionValue {
  /// "a number", "a duration", ...
  std::string type;
  /// "ms", "bytes"; empty for none.
  std::string unit;
  /// "1 to 64"; empty for any.
  std::string range;
  bool is_switch = false;
  /// Errors: invalid_argument with what the text must be; without a field.
  std::function<Result<void>(Settings* settings, std::string_view text)> read;
  std::function<std::string(const Settings& settings)> show;
  /// Of a text that older programs took and that is more than fits now: what is taken instead. May
  /// be empty.
  std::function<std::optional<std::string>(std::string_view text)> lowered;
};

struct Option {
  /// snake_case, the unit last: the key in a configuration file.
  std::string name;
  RoleSet roles;
  std::string meaning;
  OptionValue value;
  /// Most people set it; the others tune.
  bool common = false;

  /// "--wal-queue-bytes-max".
  std::string flag() const;
  /// "VECTRON_WAL_QUEUE_BYTES_MAX".
  std::string variable() const;
  /// As its type, unit and range say: "bytes, 1 to 64".
  std::string kind() const;
};

/// All options, in the order in which they are listed. Made at the first call.
const std::vector<Option>& option_table();

/// Null when there is none of that name.
const Option* find_option(std::string_view name);

/// The option whose name is most like `name`, for a person who mistyped; null when none is close.
const Option* nearest_option(std::string_view name);

}  // namespace vectron
