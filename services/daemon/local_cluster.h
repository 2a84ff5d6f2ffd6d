// LocalCluster: the nodes of `vectron up` and the order in which they start and stop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "net/production_env.h"
#include "services/daemon/data_folder.h"
#include "services/daemon/up.h"

namespace vectron {

/// What the nodes stand on; built before and destroyed after the cluster.
struct LocalGround {
  LogSink* sink = nullptr;
  ProductionPools* pools = nullptr;
  EventLoop* loop = nullptr;
  Network* network = nullptr;  ///< Inside the process, and TCP for other addresses.
  Disk* disk = nullptr;        ///< Of the whole data folder.
};

/// One task, run(); its parts belong to the ground's event loop.
class LocalCluster {
 public:
  LocalCluster(LocalGround ground, UpConfig config);
  ~LocalCluster();

  /// Starts the placement node, the workers and the gateway, says that it is ready, waits for
  /// `stop` (or for a node that fails), and stops them in the opposite order, so that what the
  /// gateway still has in flight finds its workers. Errors: of a node.
  Task<Result<void>> run(Event* stop);

 private:
  /// A service on an Env of its own.
  struct Node {
    Node(std::string the_name, Scheduler& scheduler)
        : name(std::move(the_name)), stop(scheduler), listening(scheduler), ended(scheduler) {}
    std::string name;
    bool launched = false;
    Event stop;
    Completion<Address> listening;
    Completion<Result<void>> ended;
    std::unique_ptr<ProductionEnv> env;
  };

  Task<Result<void>> start(ClusterId fresh);
  Task<Result<void>> start_placement();
  Task<Result<void>> start_worker(uint32_t number);
  Task<Result<void>> start_gateway();
  Task<Result<void>> wait_until_usable();
  Task<Result<void>> mark_bootstrapped();
  Task<void> stop_all();

  /// Opens the node's folder and Env, and puts it behind the others.
  Result<Node*> add_node(const std::string& name);
  /// Waits until the node listens, or ended with an error.
  Task<Result<void>> launch(Node* node, Task<Result<void>> service);
  Task<void> watch(Node* node, Task<Result<void>> service);

  LocalGround ground_;
  UpConfig config_;
  DataFolder folder_;
  Address http_address_;  // Where the gateway listens for HTTP, with the real port.
  Condition changed_;     // A node listens, or ended.
  std::vector<std::unique_ptr<Node>> nodes_;
  TaskGroup tasks_;  // Last: the services use the nodes above.
};

}  // namespace vectron
