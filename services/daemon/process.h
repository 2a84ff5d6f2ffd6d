// run_process: a `vectron` process from its start to its end, whatever it runs as.
//
// It builds what a process has once (log, threads, event loop, network), says when it is ready, and
// turns SIGTERM, SIGINT and SIGHUP into an orderly end.
#pragma once

#include <functional>

#include "core/async/sync.h"
#include "net/file_disk.h"
#include "services/daemon/role_node.h"
#include "services/settings.h"

namespace vectron {

/// Where a process answers.
struct ReadyAddresses {
  std::vector<Address> rpc;
  std::vector<Address> http;
};

/// "vectron is ready: rpc ADDRESS http http://ADDRESS", without the second part where there is no
/// HTTP. Several addresses stand with commas between them.
std::string ready_line(const ReadyAddresses& addresses);

/// A failure with what can be done about it, where that is an option of the process: an address at
/// which it cannot listen (field `rpc` or `http`).
Status with_advice(const Status& failure);

/// What a process does between its start and its end. Run on the loop until `stop` is set; calls
/// `ready` once.
using ProcessBody = std::function<Task<Result<void>>(Ground ground, Disk* disk, Event* stop,
                                                     std::function<void(ReadyAddresses)> ready)>;

/// Runs `body` on the data folder of `settings` until SIGTERM, SIGINT or SIGHUP, or until it fails.
/// When it is ready, prints the ready line on standard output and writes it to `ready_file`.
/// Errors: of the body; failed_precondition (another process uses the data folder).
Result<void> run_process(const Settings& settings, const ProcessBody& body);

}  // namespace vectron
