#include "sim/cluster/node_configs.h"

namespace vectron::sim {

namespace {

using Milliseconds = std::chrono::milliseconds;
using Microseconds = std::chrono::microseconds;

/// Address space of each simulated LMDB environment; nothing is allocated ahead.
constexpr uint64_t kMapBytesMax = uint64_t{256} << 20;
/// Longer than clients wait for an answer, and than channels wait before they give up.
constexpr Duration kSilenceMax = 9s;
constexpr Duration kHttpPace = 7s;
static_assert(kHostileLifeMax > 2 * kHttpPace && kHostileLifeMax > kSilenceMax * 4 / 3);
constexpr uint64_t kMapBytesStart = 256 << 10;  // Most stores grow beyond it.

ReplicaConfig replica_config(const PlanKnobs& knobs) {
  ReplicaConfig config;
  config.tick_interval = Milliseconds(knobs.tick_ms);
  config.election_ticks = knobs.election_ticks;
  config.heartbeat_ticks = knobs.heartbeat_ticks;
  config.append_bytes_max = knobs.append_bytes_max;
  config.uncommitted_bytes_max = size_t{4} << 20;
  config.pending_proposals_max = knobs.proposals_max;
  config.log_entries_kept_max = knobs.log_entries_kept_max;
  config.log_bytes_kept_max = knobs.log_bytes_kept_max;
  config.snapshot_chunk_bytes_max = knobs.snapshot_chunk_bytes_max;
  config.snapshot_chunk_timeout = 3s;
  config.overlay.overlay_bytes_max = knobs.overlay_bytes_max;
  config.overlay.flush_bytes_max = knobs.flush_bytes_max;
  config.overlay.flush_bytes_min = knobs.flush_bytes_min;
  config.overlay.flush_interval = Milliseconds(knobs.flush_interval_ms);
  config.scrub_interval = 2s;
  config.scrub_bytes_per_second_max = uint64_t{4} << 20;
  config.kv.map_bytes_max = kMapBytesMax;
  config.kv.map_bytes_start = kMapBytesStart;
  config.kv.readers_max = 8;
  config.kv.batch_bytes_max = kCommitBytesMax;
  return config;
}

UpkeepConfig upkeep_config(const PlanKnobs& knobs) {
  UpkeepConfig config;
  config.check_interval = Milliseconds(knobs.upkeep_interval_ms);
  config.checkpoint_points_min = knobs.checkpoint_points;
  config.checkpoint_idle = kUpkeepIdle;
  config.checkpoint_stop_timeout = kCheckpointStopTimeout;
  config.checkpoint_pause_min = Milliseconds(knobs.checkpoint_pause_ms);
  config.checkpoint_bytes_per_second_max = knobs.checkpoint_bytes_per_second;
  config.rebuild_tombstones_min = knobs.rebuild_tombstones;
  config.rebuild_tombstones_ppm = knobs.rebuild_tombstones_ppm;
  config.rebuild_slice_points = knobs.rebuild_slice_points;
  config.rebuild_pause_min = Milliseconds(knobs.checkpoint_pause_ms);
  return config;
}

WalConfig wal_config(const PlanKnobs& knobs) {
  WalConfig config;
  config.segment_bytes_max = knobs.wal_segment_bytes;
  config.prefill_bytes = knobs.wal_prefill_bytes;
  config.reserve_bytes = knobs.wal_reserve_bytes;
  config.queue_bytes_max = size_t{8} << 20;
  config.write_bytes_max = size_t{1} << 20;
  config.retention_bytes_max = size_t{64} << 20;
  return config;
}

std::vector<rpc::NodeAddress> placement_members(const Plan& plan) {
  std::vector<rpc::NodeAddress> out;
  out.reserve(plan.shape.placement_nodes);
  for (uint32_t i = 0; i < plan.shape.placement_nodes; ++i) {
    out.push_back({node_id(ServiceId::placement, i), node_address(ServiceId::placement, i)});
  }
  return out;
}

NetworkFaults network_faults(const PlanIntensities& intensities) {
  NetworkFaults faults;
  faults.latency_max =
      std::max<Duration>(faults.latency_min, Microseconds(intensities.delay_base_us_max));
  faults.delay_tail_ppm = intensities.delay_tail_ppm;
  faults.delay_tail_max = Microseconds(intensities.delay_tail_us_max);
  faults.reset_ppm = intensities.reset_ppm;
  faults.half_open_ppm = intensities.half_open_ppm;
  faults.short_io_ppm = intensities.short_io_ppm;
  faults.stall_ppm = intensities.stall_ppm;
  faults.stall_max = Microseconds(intensities.stall_us_max);
  faults.refuse_ppm = intensities.refuse_ppm;
  faults.hang_ppm = intensities.hang_ppm;
  return faults;
}

}  // namespace

std::string node_name(ServiceId kind, uint32_t number) {
  return fmt::format("{}-{}", service(kind).name, number);
}

Address node_address(ServiceId kind, uint32_t number) {
  return Address{node_name(kind, number) + ":7000"};
}

Address gateway_http_address(uint32_t number) {
  return Address{node_name(ServiceId::gateway, number) + ":8080"};
}

NodeId node_id(ServiceId kind, uint32_t number) {
  return NodeId(service(kind).first_node + number);
}

Address address_of(NodeId node) {
  const Service* of = &service(ServiceId::placement);
  for (const Service& row : roster()) {
    if (row.first_node <= node.value()) of = &row;
  }
  return node_address(of->id, static_cast<uint32_t>(node.value() - of->first_node));
}

rpc::PeerBounds peer_bounds(PeerWatcher* watcher) {
  rpc::PeerBounds bounds;
  bounds.connections_max = kConnectionsMax;
  bounds.frame_bytes_max = size_t{4} << 20;
  bounds.body_bytes_in_flight_max = size_t{12} << 20;
  bounds.silence_max = kSilenceMax;
  bounds.watcher = watcher;
  return bounds;
}

namespace {

/// What all nodes are told.
void tell_node(ServiceId kind, const SimulatedNode& node, NodeConfig* config) {
  config->cluster = kSimulatedCluster;
  config->node = node_id(kind, node.number);
  config->listen = node_address(kind, node.number);
  config->drain_timeout = kDrainTimeout;
}

void tell_storing_node(ServiceId kind, const SimulatedNode& node, StoringNodeConfig* config) {
  tell_node(kind, node, config);
  config->replica = replica_config(node.plan->knobs);
  config->wal = wal_config(node.plan->knobs);
  config->observer = node.observer;
}

Runnable placement_node(const SimulatedNode& node) {
  const Plan& plan = *node.plan;
  PlacementConfig config;
  tell_storing_node(ServiceId::placement, node, &config);
  config.members = placement_members(plan);
  config.workers_max = kSimulatedWorkersMax;
  config.bootstrap = true;  // It stays in the file, as an operator may leave it.
  config.peers = peer_bounds(node.peers);
  return {std::move(config), &run_placement};
}

Runnable worker_node(const SimulatedNode& node) {
  const Plan& plan = *node.plan;
  WorkerConfig config;
  tell_storing_node(ServiceId::worker, node, &config);
  config.placement = placement_members(plan);
  config.zone = zone_name(plan.shape, node.number);
  config.host = node_name(ServiceId::worker, node.number);
  config.heartbeat_interval = Milliseconds(plan.knobs.heartbeat_ms);
  config.graph_points_min = plan.knobs.graph_points_min;
  config.index_batch_points_max = plan.knobs.index_batch_points;
  config.memory_bytes_max = plan.knobs.memory_bytes;
  config.upkeep = upkeep_config(plan.knobs);
  config.index_linger = std::chrono::milliseconds(plan.knobs.index_linger_ms);
  config.write_bytes_max = kEntryBytesMax;
  config.write_operations_max = kEntryOperationsMax;
  config.peers = peer_bounds(node.peers);
  return {std::move(config), &run_worker};
}

Runnable gateway_node(const SimulatedNode& node) {
  const Plan& plan = *node.plan;
  GatewayConfig config;
  tell_node(ServiceId::gateway, node, &config);
  config.incarnation = node.starts;
  config.http_listen = gateway_http_address(node.number);
  config.placement = placement_members(plan);
  config.connections_max = kConnectionsMax;
  config.frame_bytes_max = size_t{1} << 20;
  config.body_bytes_in_flight_max = kGatewayBytesHeldMax;
  // Of its entry, which says more than this counts.
  config.write_bytes_max = kEntryBytesMax * 3 / 4;
  config.write_points_max = kEntryOperationsMax;
  config.rpc_silence_max = kSilenceMax;
  config.http_idle_timeout = kHttpPace;
  config.http_body_timeout = 4 * kHttpPace;  // It must go on in each quarter of it.
  config.http_write_timeout = kHttpPace;
  config.watcher = node.peers;
  config.http_inline_body_bytes_max = plan.knobs.http_inline_body_bytes;
  config.read_attempt_timeout = Milliseconds(plan.knobs.client_deadline_ms / 4 + 50);
  return {std::move(config), &run_gateway};
}

Runnable register_node(const SimulatedNode& node) {
  const Plan& plan = *node.plan;
  GroupNodeConfig config;
  tell_storing_node(ServiceId::worker, node, &config);
  for (uint32_t i = 0; i < plan.shape.workers; ++i) {
    config.members.push_back({node_id(ServiceId::worker, i), node_address(ServiceId::worker, i)});
  }
  config.bootstrap = true;
  return {std::move(config), &run_register_node};
}

}  // namespace

Runnable simulated_service(ServiceId kind, const SimulatedNode& node) {
  switch (kind) {
    case ServiceId::placement:
      return placement_node(node);
    case ServiceId::worker:
      return node.plan->profile == "raft" ? register_node(node) : worker_node(node);
    case ServiceId::gateway:
      return gateway_node(node);
  }
  VECTRON_ASSERT(false, "there is no service {}", static_cast<int>(kind));
}

WorldConfig world_config(const Plan& plan) {
  WorldConfig config;
  config.fault_classes = FaultClassSet::none();
  for (const std::string& name : plan.switched_on) {
    if (const auto fault_class = fault_class_named(name)) config.fault_classes.add(*fault_class);
  }
  // A scheduled fault is wanted, whatever the list says: a person may have added it by hand.
  for (const PlannedFault& fault : plan.faults) config.fault_classes.add(fault.fault_class);
  if (plan.lost_unsynced) config.fault_classes.add(FaultClass::lost_unsynced);
  if (plan.torn_writes) config.fault_classes.add(FaultClass::torn_write);
  config.network = network_faults(plan.intensities);
  config.messages = {.lose_ppm = plan.intensities.message_lose_ppm,
                     .repeat_ppm = plan.intensities.message_repeat_ppm,
                     .overtake_ppm = plan.intensities.message_overtake_ppm};
  config.buggify_point_ppm = plan.intensities.buggify_point_ppm;
  config.buggify_fire_ppm = plan.intensities.buggify_fire_ppm;
  for (const std::string& name : plan.planted) config.planted.insert(name);
  return config;
}

}  // namespace vectron::sim
