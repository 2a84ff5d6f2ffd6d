// A plan's knobs as the services' configurations, and the names and numbers of its nodes.
#pragma once

#include "services/gateway/gateway_service.h"
#include "services/placement/placement_service.h"
#include "services/roster.h"
#include "services/worker/worker_service.h"
#include "sim/cluster/register_service.h"
#include "sim/plan/plan.h"
#include "sim/world/config.h"

namespace vectron::sim {

inline constexpr ClusterId kSimulatedCluster{0x51};
/// Of one commit of a store: little, so that a forged entry that writes more is soon made.
inline constexpr size_t kCommitBytesMax = 512 << 10;
/// Of one entry of a shard's log.
inline constexpr size_t kEntryBytesMax = kCommitBytesMax * 3 / 8;
/// Few enough for a stranger to reach it within a run.
inline constexpr size_t kSimulatedWorkersMax = 24;
/// Of one entry of a shard's log: far more than a client's batch.
inline constexpr size_t kEntryOperationsMax = 64;
/// How long a node that is told to stop takes for what is in flight, and then a worker for its
/// checkpoints.
inline constexpr Duration kDrainTimeout = 2s;
inline constexpr Duration kCheckpointStopTimeout = 2s;
/// After this a shard that nobody writes to is looked after: mended, and written to a checkpoint.
inline constexpr Duration kUpkeepIdle = 3s;

/// How many connections a node takes; a node of the plan needs far fewer than half of them.
inline constexpr size_t kConnectionsMax = 64;
/// What peers may make a gateway hold.
inline constexpr size_t kGatewayBytesHeldMax = 3 << 20;
/// No server holds a connection for longer that does nothing, or what it does too slowly.
inline constexpr Duration kHostileLifeMax = 20s;

/// "worker-3".
std::string node_name(ServiceId kind, uint32_t number);
/// Where a node listens.
Address node_address(ServiceId kind, uint32_t number);
/// Where a gateway listens for HTTP.
Address gateway_http_address(uint32_t number);
/// 1, 2, ... for placement nodes, 101, ... for workers, 201, ... for gateways.
NodeId node_id(ServiceId kind, uint32_t number);
/// Where the node of that id listens. Requires: one that node_id() made.
Address address_of(NodeId node);

/// What peers may make a node hold, and how long it waits for them: little, so that hostile clients
/// come to its bounds. `watcher` outlives the nodes.
rpc::PeerBounds peer_bounds(PeerWatcher* watcher);
/// A node of the plan; all that is pointed to outlives it.
struct SimulatedNode {
  const Plan* plan = nullptr;
  uint32_t number = 0;
  /// Of its processes, this one included.
  uint64_t starts = 1;
  ReplicaObserver* observer = nullptr;
  PeerWatcher* peers = nullptr;
};
/// The service of a node as the plan's knobs say. In profile raft the register service has the
/// place of the worker.
Runnable simulated_service(ServiceId kind, const SimulatedNode& node);

/// Which faults may fire, and the models of network and disk.
WorldConfig world_config(const Plan& plan);

}  // namespace vectron::sim
