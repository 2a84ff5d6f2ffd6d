// `vectron serve ROLE`: one node of a cluster in this process.
#pragma once

#include "core/base/result.h"
#include "services/daemon/settings.h"

namespace vectron {

/// Runs until SIGTERM or SIGINT. Ready when the node listens and has recovered what its folder
/// holds; a gateway serves requests once it finds the placement driver (/readyz). Errors:
/// invalid_argument (with the option), failed_precondition (another process uses the data folder,
/// or it is another node's), data_loss, unavailable (cannot listen).
Result<void> run_serve(Role role, const Settings& settings);

}  // namespace vectron
