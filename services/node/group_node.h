// GroupNode: a node of a service whose nodes are one Raft group, from its folder to a replica that
// runs.
//
// Local to the service's run function, declared before the service's handlers.
#pragma once

#include <memory>

#include "services/node/group_birth.h"

namespace vectron {

class GroupNode {
 public:
  /// Opens the folder, waits until the group is born, and starts this node's replica of it with
  /// `state`. Null when `config->stop` was set before. `env` and `config` outlive the node. Errors:
  /// those of ReplicaNode::open and GroupBirth::run; failed_precondition (the group was made of
  /// other nodes than `config` names).
  static Task<Result<std::unique_ptr<GroupNode>>> open(Env* env, const GroupNodeConfig* config,
                                                       ConfiguredGroup group,
                                                       std::unique_ptr<StateMachine> state);

  Replica* replica() { return replica_; }
  ReplicaHost& host() { return node_->host(); }
  ReplicaNode& node() { return *node_; }
  /// Adds what members ask of one another to `server`, which has the service's own handlers, and
  /// listens. Errors: unavailable (nobody can listen there).
  Result<void> listen(rpc::Server* server);
  /// Returns when the node knows who leads its group. It may be destroyed before.
  Task<void> wait_for_leader();
  /// Runs until `config->stop` is set, and then ends in order. Errors: those with which the replica
  /// or the log ended.
  Task<Result<void>> run(rpc::Server* server);

 private:
  GroupNode(Env* env, const GroupNodeConfig* config, ConfiguredGroup group,
            std::unique_ptr<ReplicaNode> node)
      : config_(config),
        group_(group),
        node_(std::move(node)),
        birth_(env, config, group, node_.get()) {}

  Task<Result<Replica*>> start(std::unique_ptr<StateMachine> state);

  const GroupNodeConfig* config_;
  ConfiguredGroup group_;
  std::unique_ptr<ReplicaNode> node_;
  GroupBirth birth_;
  Replica* replica_ = nullptr;
};

}  // namespace vectron
