#include "services/node/node_life.h"

#include "core/async/unless_set.h"

namespace vectron {

Task<Result<std::unique_ptr<ReplicaNode>>> open_node(Env* env, const StoringNodeConfig* config) {
  auto opening = ReplicaNode::open(env, config->replica_node());
  auto opened = co_await unless_set(&env->scheduler(), config->stop, std::move(opening));
  if (!opened.has_value()) co_return std::unique_ptr<ReplicaNode>();
  co_return *std::move(opened);
}

Result<void> listen(const StoringNodeConfig& config, ReplicaNode* node, rpc::Server* server) {
  server->set_http_place(config.http_place);
  node->serve_raft(server);
  VECTRON_CHECK_OK(server->start(config.listen));
  if (config.on_listening) config.on_listening(server->addresses());
  return {};
}

}  // namespace vectron
