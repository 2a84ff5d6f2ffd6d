// What the lives of all nodes with replicas have in common: opening the folder, listening.
#pragma once

#include <memory>

#include "services/node/node_config.h"

namespace vectron {

/// Opens the node's folder and its replicas. Null when `config->stop` was set before that was done:
/// a start that is given up is one that a crash cut short. Both outlive the task. Errors: those of
/// ReplicaNode::open.
Task<Result<std::unique_ptr<ReplicaNode>>> open_node(Env* env, const StoringNodeConfig* config);

/// Adds Raft and the node's door to `server`, which has the service's own handlers, and listens.
/// Errors: unavailable (nobody can listen there).
Result<void> listen(const StoringNodeConfig& config, ReplicaNode* node, rpc::Server* server);

}  // namespace vectron
