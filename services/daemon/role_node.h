// RoleNode: a service on an Env of its own, as `vectron up` and `vectron serve` both run it.
//
// Belongs to the ground's event loop. Its owner destroys it after the nodes that were started
// later.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "net/production_env.h"
#include "services/daemon/probes.h"
#include "services/node/runnable.h"

namespace vectron {

/// What nodes stand on; built before them and destroyed after them.
struct Ground {
  LogSink* sink = nullptr;
  ProductionPools* pools = nullptr;
  EventLoop* loop = nullptr;
  Network* network = nullptr;
};

class RoleNode {
 public:
  /// Opens and locks the node's folder. `changed` is notified when the node is ready and when it
  /// ends; it and the ground outlive the node. Errors: those of ProductionEnv::open.
  static Result<std::unique_ptr<RoleNode>> open(const Ground& ground, std::string name,
                                                const std::string& folder, Condition* changed);
  ~RoleNode();

  /// Starts the service, and returns when it is ready: it listens and serves, the placement driver
  /// knows the worker, the gateway knows the placement driver. That may take as long as the others
  /// are away; the node's log says for whom it waits. `probes`: where the process answers probes
  /// over HTTP besides, from the beginning; none for a service that answers HTTP itself. Errors:
  /// those with which the service ended; cancelled when it was asked to stop before it was ready.
  Task<Result<void>> start(Runnable service, std::optional<Probes::Config> probes);

  /// Asks the service to drain and end; returns at once.
  void request_stop();
  /// Asks likewise, and waits until it has ended. Returns what it ended with.
  Task<Result<void>> stop();

  const std::string& name() const { return name_; }
  ProductionEnv& env() { return *env_; }
  /// Where it listens, with the real ports: at one address or several. Requires: start()
  /// succeeded.
  const std::vector<Address>& rpc() const { return listening_.get(); }
  /// Empty where it serves no HTTP.
  const std::vector<Address>& http() const { return http_; }
  bool ended() const { return ended_.is_set(); }
  /// Why it ended by itself; ok while it runs.
  Status failure() const;

 private:
  RoleNode(const Ground& ground, std::string name, Condition* changed);
  Task<Result<void>> launch(Task<Result<void>> service);
  Result<void> serve_probes(const std::optional<Probes::Config>& config);
  std::optional<Address> http_place() const;
  Task<void> watch(Task<Result<void>> service);
  void is_ready();

  std::string name_;
  Condition* changed_;
  bool launched_ = false;
  Event stop_;
  Completion<std::vector<Address>> listening_;
  Event ready_;
  Completion<Result<void>> ended_;
  std::vector<Address> http_;
  std::unique_ptr<ProductionEnv> env_;
  ProcessMetrics process_;
  std::unique_ptr<Probes> probes_;
  TaskGroup tasks_;  // Last: the service uses all of the above.
};

}  // namespace vectron
