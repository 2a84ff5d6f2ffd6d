// `vectron up`: a whole durable cluster in one process: a placement node, workers and a gateway on
// one event loop.
//
// The nodes are the same code as in a cluster of machines. They speak the same protocol with one
// another, over connections inside the process (net/in_process_network.h); clients come over TCP.
#pragma once

#include "core/base/result.h"
#include "services/settings.h"

namespace vectron {

/// Runs until SIGTERM, SIGINT or SIGHUP. Ready when every collection that was there is, as far as
/// it can be: copies that are lost, and a worker that the placement driver refuses, are named in
/// the log and not waited for. Errors: failed_precondition (another process uses the data folder,
/// or it needs more workers), invalid_argument, data_loss, unavailable (cannot listen).
Result<void> run_up(const Settings& settings);

}  // namespace vectron
