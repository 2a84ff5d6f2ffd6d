// Options that bound one another: each by itself is fine, and together they are not.
#pragma once

#include "services/settings.h"

namespace vectron {

/// Errors: invalid_argument that names both options, as they are called and with what they are set
/// to; the field is the one that must be the smaller.
Result<void> check_option_pairs(const Settings& settings);
/// The same for options of different roles, where one process has all of them.
Result<void> check_pairs_of_roles(const Settings& settings);

}  // namespace vectron
