// LocalCluster: the nodes of `vectron up` and the order in which they start and stop.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "services/daemon/data_folder.h"
#include "services/daemon/process.h"
#include "services/daemon/role_node.h"
#include "services/daemon/usable.h"
#include "services/settings.h"

namespace vectron {

/// One task, run(); its parts belong to the ground's event loop.
class LocalCluster {
 public:
  /// `disk`: of the whole data folder.
  LocalCluster(Ground ground, Disk* disk, Settings settings);
  ~LocalCluster();

  /// Starts the placement node, the workers and the gateway, says that it is ready, waits for
  /// `stop` (or for a node that fails), and stops them in the opposite order, so that what the
  /// gateway still has in flight finds its workers. `stop` is heard at any time. Errors: of a node.
  Task<Result<void>> run(Event* stop, std::function<void(ReadyAddresses)> ready);

 private:
  Task<Result<void>> start(ClusterId fresh);
  Task<Result<void>> start_placement();
  Task<Result<void>> start_workers();
  Task<Result<void>> start_worker(uint32_t number);
  Task<Result<void>> start_gateway();
  Task<Result<void>> wait_until_usable();
  void tell_unready(LogLevel level, std::string_view what, const std::vector<Unready>& unready);
  Task<Result<void>> mark_bootstrapped();
  Task<void> stop_all();
  /// Why a node ended by itself; ok while all run. One that is refused is not waited for and does
  /// not count.
  Status failure() const;

  /// Opens the node's folder and Env, and puts it behind the others.
  Result<RoleNode*> add_node(const std::string& name);
  /// What the nodes of this process are told; each adds who it is.
  Settings node_settings(NodeId node, Address listen) const;

  Ground ground_;
  Disk* disk_;
  Settings settings_;
  DataFolder folder_;
  Condition changed_;  // A node listens, or ended.
  Event usable_;
  std::vector<std::unique_ptr<RoleNode>> nodes_;
  std::set<const RoleNode*> refused_;  // Workers that the placement driver will never take.
};

}  // namespace vectron
