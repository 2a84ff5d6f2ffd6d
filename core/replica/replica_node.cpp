#include "core/replica/replica_node.h"

namespace vectron {
namespace {

rpc::ClientConfig client_config(const rpc::Identity& identity) {
  rpc::ClientConfig config;
  config.identity = identity;
  return config;
}

}  // namespace

ReplicaNode::ReplicaNode(Env* env, rpc::Identity identity, uint64_t folder_id,
                         rpc::PeerBounds peers)
    : env_(env),
      identity_(identity),
      folder_id_(folder_id),
      peers_(peers),
      channels_(*env, client_config(identity)),
      transport_(env, client_config(identity)) {}

Task<Result<std::unique_ptr<ReplicaNode>>> ReplicaNode::open(Env* env, ReplicaNodeConfig config) {
  const auto manifest = co_await open_node_folder(env, config.cluster, config.node);
  VECTRON_CO_CHECK_OK(manifest);
  const rpc::Identity identity{config.cluster, config.node, manifest->incarnation};
  std::unique_ptr<ReplicaNode> node(
      new ReplicaNode(env, identity, manifest->folder_id, config.peers));
  ReplicaHostConfig host_config{config.cluster, config.node, manifest->incarnation, config.replica,
                                config.wal};
  auto host = co_await ReplicaHost::open(env, host_config, &node->transport_, config.observer);
  VECTRON_CO_TRY(node->host_, host);
  node->receiver_ = std::make_unique<RaftReceiver>(node->host_.get());
  co_return node;
}

rpc::ServerConfig ReplicaNode::server_config() const {
  rpc::ServerConfig config;
  config.identity = identity_;
  config.bind(peers_);
  return config;
}

void ReplicaNode::serve_raft(rpc::Server* server) {
  wire::serve(*server, static_cast<wire::RaftHandler&>(*receiver_));
  server->set_interceptor(&door_);
}

Task<void> ReplicaNode::drain(rpc::Server* server, Duration drain_max) {
  constexpr Duration kLook = 5ms;
  constexpr Duration kLinger = 20ms;  // For answers that are on their way out.
  Clock& clock = env_->clock();
  const Instant end = clock.monotonic() + drain_max;
  if (!env_->planted("drain_drops_writes")) door_.shut();
  co_await host_->hand_over_all(end);
  while (server->requests_in_flight() > 0 && clock.monotonic() < end) {
    co_await clock.sleep_for(kLook);
  }
  if (server->requests_in_flight() > 0) {
    env_->log().warning("drain", "stops with {} requests unanswered", server->requests_in_flight());
  }
  if (drain_max > kLinger) co_await clock.sleep_for(kLinger);
  server->stop();
}

}  // namespace vectron
