// What every service must be told to be a node of a cluster, and what more those must be told whose
// nodes keep replicas, or are a Raft group of their own.
//
// The configuration of a service (WorkerConfig, GatewayConfig, ...) is one of these with its own
// options added, so that whoever runs services (a process, the simulation) tells all of them the
// same things in the same way.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/async/sync.h"
#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/env/network.h"
#include "core/replica/observer.h"
#include "core/replica/replica_config.h"
#include "core/replica/replica_node.h"
#include "core/rpc/node_address.h"
#include "core/rpc/server.h"

namespace vectron {

/// See the top of this file.
struct NodeConfig {
  /// The deployment; required.
  ClusterId cluster;
  /// This process' identity; its data folder belongs to it. Required.
  NodeId node;
  /// Counts the starts of a node that keeps no data; at least 1. The others count them in their
  /// folders.
  uint64_t incarnation = 1;
  /// Where others connect. Port 0 takes a free one.
  Address listen;

  /// Of a request that names no deadline.
  Duration request_timeout = 10s;
  /// How long handing leadership over and requests in flight may take after `stop` was set.
  Duration drain_timeout = 5s;
  /// When set, the node refuses new requests, hands leadership over, ends what is in flight and
  /// returns. May be null; outlives the node.
  Event* stop = nullptr;

  /// Where this process answers HTTP: told to those who speak it to `listen`.
  std::optional<Address> http_place;
  /// Told once where the node listens, with the real ports. May be empty.
  std::function<void(const std::vector<Address>&)> on_listening;
  /// As on_listening, and before it, for HTTP: of a service that answers HTTP itself.
  std::function<void(const std::vector<Address>&)> on_http_listening;
  /// Told once, when the node serves: whatever it needs of others is there. May be empty.
  std::function<void()> on_ready;
  /// What /metrics of a service that answers HTTP itself says of the process (CPU, memory, files),
  /// in Prometheus' text format. May be empty.
  std::function<Task<std::string>()> process_metrics;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// Of a service whose nodes keep replicas.
struct StoringNodeConfig : NodeConfig {
  ReplicaConfig replica;
  WalConfig wal;
  /// Of other nodes and of strangers.
  rpc::PeerBounds peers;
  /// The simulation's watcher; null in production.
  ReplicaObserver* observer = nullptr;

  ReplicaNodeConfig replica_node() const;
  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// A node of a group that is named in its configuration.
using GroupMember = rpc::NodeAddress;

/// Of a service whose nodes are one Raft group.
struct GroupNodeConfig : StoringNodeConfig {
  static constexpr size_t kMembersMax = 7;

  /// All nodes of the group, 1 to kMembersMax, the same on each of them, this one among them. Their
  /// ids are those of the group's first start for ever; their addresses may change from start to
  /// start.
  std::vector<GroupMember> members;
  /// Makes the group where this node's folder has nothing of it. Set at a cluster's first start,
  /// for which all members must be up. Where it stays set, a member whose disk was lost finds out
  /// from the others and does not come back with an empty log; the only member of a group of one
  /// has nobody to ask.
  bool bootstrap = false;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

}  // namespace vectron
