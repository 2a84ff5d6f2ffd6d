// What of a process' settings a role needs and was not told, and what does not fit together.
#pragma once

#include "services/daemon/role.h"

namespace vectron {

/// Errors: invalid_argument with the option's name as the field.
Result<void> check_settings(const Settings& settings, Role role);

}  // namespace vectron
