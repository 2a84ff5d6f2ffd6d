// ClusterNodes: the service nodes of a run: starts them, starts them again after a crash, and
// resolves a plan's targets.
//
// A supervisor task looks at all nodes every few simulated milliseconds, as an init system would:
// one that is down and whose time to come back has come is started again, also one that ended by
// itself. A node that ends by itself because its data is damaged is a violation: no fault of this
// plan damages data.
#pragma once

#include <string_view>
#include <vector>

#include "sim/cluster/node_configs.h"
#include "sim/cluster/run_record.h"
#include "sim/oracle/replica_watch.h"

namespace vectron::sim {

class ClusterNodes {
 public:
  struct Node {
    SimNode* machine = nullptr;
    NodeKind kind = NodeKind::worker;
    uint32_t number = 0;
    NodeId id;
    Instant down_until{};  ///< Not started again before.
    bool seen_running = false;
    bool ended_by_itself = false;
    bool reported = false;  ///< As one that ended by itself; once is enough.
    uint64_t starts = 0;
  };

  /// Adds the plan's nodes to the world; starts none. All outlive this.
  ClusterNodes(const Plan* plan, RunRecord* record, ReplicaWatch* watch);
  ClusterNodes(const ClusterNodes&) = delete;
  ClusterNodes& operator=(const ClusterNodes&) = delete;

  /// Starts every node and the supervisor, which lives as long as the world's driver.
  void start();

  /// Ends a process, or cuts the power in its next commits; it comes back after `down`. Does
  /// nothing when it is down.
  void crash(Node* node, CrashMode mode, uint32_t commit_call, Duration down);
  /// Brings back at once whatever is down, and disarms power cuts that have not struck.
  void revive_all();
  bool all_running() const;

  /// The nodes that a plan's target names: a node, a zone, "all" or "leader". Empty for client
  /// nodes.
  std::vector<Node*> resolve(std::string_view target);
  std::vector<std::unique_ptr<Node>>& nodes() { return nodes_; }
  Node* find(NodeId id);
  uint64_t restarts() const { return restarts_; }

 private:
  void add(NodeKind kind, uint32_t number);
  void boot(Node* node);
  Task<void> run_node(Node* node, Env* env);
  Task<void> supervise();
  void look_after(Node* node);
  Task<void> finish_power_cut(Node* node, uint64_t start);

  const Plan& plan_;
  RunRecord& record_;
  ReplicaWatch& watch_;
  std::vector<std::unique_ptr<Node>> nodes_;
  uint64_t restarts_ = 0;
};

}  // namespace vectron::sim
