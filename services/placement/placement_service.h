// The placement driver: knows the workers and the collections, and decides which worker holds what.
//
// A Raft group of 1, 3 or 5 nodes; the leader answers. One task on each node's Env, in production
// and in simulation.
#pragma once

#include <functional>
#include <vector>

#include "core/async/sync.h"
#include "core/env/env.h"
#include "core/replica/observer.h"
#include "core/replica/replica_config.h"
#include "core/rpc/node_address.h"
#include "core/rpc/server.h"
#include "services/placement/placement_bounds.h"

namespace vectron {

/// The Raft group of every placement driver; no shard ever has this id.
inline constexpr GroupId kPlacementGroup{uint64_t{1} << 62};

/// All that a node of the placement driver must be told.
struct PlacementConfig {
  using Member = rpc::NodeAddress;

  /// The deployment; required.
  ClusterId cluster;
  /// This node; among the members.
  NodeId node;
  /// Where workers, gateways and other members connect.
  Address listen;
  /// All nodes of the group, 1 to 7, the same on each of them. Their ids are those of the group's
  /// first start for ever; their addresses may change from start to start.
  std::vector<Member> members;
  /// Makes the group where this node's folder has nothing of it. Set at a cluster's first start,
  /// for which all members must be up. Where it stays set, a member whose disk was lost finds out
  /// from the others and does not come back with an empty log; the only member of a group of one
  /// has nobody to ask.
  bool bootstrap = false;

  /// Workers on record. Where there are as many, those that are silent and hold nothing are
  /// forgotten for a new one.
  size_t workers_max = kWorkersMax;
  /// A worker that was silent for so long gets no new replicas.
  Duration worker_silence_max = 15s;
  /// How long CreateCollection waits for enough workers, and then for every shard to have a leader.
  Duration create_wait = 8s;
  /// Of one assignment pushed to a worker.
  Duration push_timeout = 3s;
  /// Before a push that failed is tried again.
  Duration push_interval = 500ms;
  /// Of a request that names no deadline.
  Duration request_timeout = 10s;

  ReplicaConfig replica;
  WalConfig wal;

  /// Of other nodes and of strangers.
  rpc::PeerBounds peers;
  /// The simulation's watcher; null in production.
  ReplicaObserver* observer = nullptr;
  /// How long handing leadership over and requests in flight may take after `stop` was set.
  Duration drain_timeout = 5s;
  /// When set, the node refuses new requests, hands leadership over, ends what is in flight and
  /// returns. May be null; outlives the node.
  Event* stop = nullptr;
  /// Where this process answers HTTP: told to those who speak it to `listen`.
  std::optional<Address> http_place;
  /// Told once where the node listens. May be empty.
  std::function<void(const std::vector<Address>&)> on_listening;
  /// Told once, when the node serves: it listens and knows who leads. May be empty.
  std::function<void()> on_ready;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// Runs a placement node until `config.stop` is set, or until the task is destroyed. `env` outlives
/// it. Errors: invalid_argument (a bad config), failed_precondition (another node's folder),
/// data_loss (the folder is damaged, or it is missing without `bootstrap`), unavailable (cannot
/// listen), failed_precondition (every other member says that it belongs to another cluster).
Task<Result<void>> run_placement(Env* env, PlacementConfig config);

}  // namespace vectron
