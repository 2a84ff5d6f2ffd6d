// ProcessCluster: a cluster of real `vectron serve` processes on this machine's loopback, to be
// killed and started again one by one.
//
// Each test process takes a loopback host of its own (127.x.y.z by its process id), so that no
// other program listens there or connects from there. Workers and gateways take free ports and say
// which; the placement driver's nodes must be known before they start, so their ports are chosen by
// asking the system for free ones on that host.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/async/task.h"
#include "core/env/env.h"
#include "services/daemon/demo_server.h"
#include "services/roster.h"

namespace vectron::demo {

struct ProcessClusterShape {
  uint32_t placement = 3;
  uint32_t workers = 3;
  uint32_t gateways = 1;
  /// The path of `vectron`.
  std::string binary;
  /// Where data, logs and the configuration file go.
  std::string folder;
  /// Further lines of the file that all share.
  std::vector<std::string> config_lines;
};

class ProcessCluster {
 public:
  struct Process {
    ServiceId service{};
    /// Among those of its service, from 0.
    uint32_t number = 0;
    /// "worker-0".
    std::string name;
    ServerOptions options;
    std::optional<Server> server;
  };

  /// Writes the configuration file that all processes share. Nothing runs yet. Errors: unavailable
  /// (no free port).
  static Result<std::unique_ptr<ProcessCluster>> make(const ProcessClusterShape& shape);

  std::vector<Process>& processes() { return processes_; }
  Process& process(ServiceId service, uint32_t number);

  /// Starts all, and waits until each says that it is ready.
  Result<void> start_all();
  /// Kills all, at once, and waits until they are gone.
  void kill_all();
  /// Starts one that is down; it is not ready yet.
  static Result<void> launch(Process* process);
  /// Waits until it is ready, on the event loop of `env`. Errors: unavailable (it ended, or was not
  /// ready within a minute).
  static Task<Result<void>> wait_until_ready(Env* env, Process* process);
  /// Sends the signal and waits until the process is gone, on the event loop. Returns its exit
  /// status; 128 and the signal's number when a signal ended it. Errors: deadline_exceeded.
  static Task<Result<int>> end(Env* env, Process* process, int signal);

 private:
  void add(const ProcessClusterShape& shape, ServiceId id, uint32_t number, std::string rpc);

  std::vector<Process> processes_;
};

}  // namespace vectron::demo
