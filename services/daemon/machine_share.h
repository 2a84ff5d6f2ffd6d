// What a process takes of its machine where nobody says how much.
#pragma once

#include "services/settings.h"

namespace vectron {

/// Sets the bounds of memory and of copies that `settings` leave open, for `workers` workers that
/// run on this machine and share it.
void share_machine(uint64_t workers, Settings* settings);

}  // namespace vectron
