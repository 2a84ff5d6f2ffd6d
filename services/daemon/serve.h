// `vectron serve SERVICE`: one node of a cluster in this process.
#pragma once

#include "core/base/result.h"
#include "services/daemon/role.h"

namespace vectron {

/// Runs until SIGTERM, SIGINT or SIGHUP. Ready when the node serves: a placement node knows who
/// leads, a worker is registered, a gateway has found the placement driver; until then it waits,
/// and its log says for what. Errors: invalid_argument (with the option), failed_precondition
/// (another process uses the data folder, it is another node's, or what can never succeed: another
/// cluster's number, a worker that is refused for good), data_loss, unavailable (cannot listen).
Result<void> run_serve(const Service& service, Settings settings);

}  // namespace vectron
