// ReplicaNode: what every service that holds replicas stands on: the node's folder and identity,
// the Raft transport and the replica host.
//
// Local to the service's run function, declared before the service's handlers; the rpc::Server that
// serves both comes after them.
#pragma once

#include <memory>

#include "core/replica/raft_transport.h"
#include "core/replica/replica_host.h"
#include "core/rpc/door.h"
#include "core/rpc/server.h"

namespace vectron {

struct ReplicaNodeConfig {
  ClusterId cluster;
  NodeId node;
  ReplicaConfig replica;
  WalConfig wal;
  /// May be null; outlives the node.
  ReplicaObserver* observer = nullptr;
  rpc::PeerBounds peers;
};

class ReplicaNode {
 public:
  /// Opens the folder (which counts the start) and the host. `env` outlives the node. Errors: those
  /// of open_node_folder and ReplicaHost::open.
  static Task<Result<std::unique_ptr<ReplicaNode>>> open(Env* env, ReplicaNodeConfig config);

  ReplicaHost& host() { return *host_; }
  const rpc::Identity& identity() const { return identity_; }
  /// Drawn when the node's folder was made: a lost disk shows by another one.
  uint64_t folder_id() const { return folder_id_; }
  /// Channels to other nodes, under this node's identity.
  rpc::ChannelPool& channels() { return channels_; }
  /// The settings of the service's server.
  rpc::ServerConfig server_config() const;
  /// Makes `server` take Raft's messages for the host, and ask this node's door. The node outlives
  /// the server.
  void serve_raft(rpc::Server* server);
  /// Ends in order: new requests are refused, leadership is handed over, and what is under way gets
  /// until `drain_max` to end. Then the server is stopped.
  Task<void> drain(rpc::Server* server, Duration drain_max);

 private:
  ReplicaNode(Env* env, rpc::Identity identity, uint64_t folder_id, rpc::PeerBounds peers);

  Env* env_;
  rpc::Identity identity_;
  uint64_t folder_id_;
  rpc::PeerBounds peers_;
  rpc::ChannelPool channels_;
  RaftTransport transport_;
  std::unique_ptr<ReplicaHost> host_;
  std::unique_ptr<RaftReceiver> receiver_;
  rpc::Door door_;
};

}  // namespace vectron
