// What the parts of a process say of the options that they are made from, before any of them runs.
#pragma once

#include "services/daemon/role.h"

namespace vectron {

/// Asks the configuration of each part that `role` has. Errors: invalid_argument that names the
/// option, as it is called and with what it is set to; the option is the field.
Result<void> check_parts(const Settings& settings, Role role);

}  // namespace vectron
