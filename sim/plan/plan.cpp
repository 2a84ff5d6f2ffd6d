#include "sim/plan/plan.h"

#include <algorithm>
#include <set>

#include "core/base/need.h"
#include "sim/plan/plan_services.h"

namespace vectron::sim {

namespace {

void append_names(std::vector<std::string>& out, std::string_view kind, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) out.push_back(fmt::format("{}-{}", kind, i));
}

Result<void> check_range(std::string_view field, uint64_t value, uint64_t low, uint64_t high) {
  if (value >= low && value <= high) return {};
  return fail(Code::invalid_argument,
              fmt::format("plan: {} is {}, but must be in [{}, {}]", field, value, low, high),
              std::string(field));
}

Result<void> check_http_clients(const PlanShape& shape, bool raft) {
  VECTRON_CHECK_OK(check_range("shape.http_clients", shape.http_clients.size(), 0,
                               raft ? 0 : uint64_t{shape.clients}));
  for (const uint32_t client : shape.http_clients) {
    VECTRON_CHECK_OK(check_range("shape.http_clients", client, 0, shape.clients - 1));
  }
  return {};
}

Result<void> check_shape(const PlanShape& shape, bool raft) {
  VECTRON_CHECK_OK(check_range("shape.workers", shape.workers, 1, kPlanNodesMax));
  VECTRON_CHECK_OK(check_range("shape.clients", shape.clients, 1, kPlanNodesMax));
  VECTRON_CHECK_OK(check_range("shape.zones", shape.zones, 1, kPlanNodesMax));
  VECTRON_CHECK_OK(check_http_clients(shape, raft));
  if (raft) {
    VECTRON_CHECK_OK(check_range("shape.placement_nodes", shape.placement_nodes, 0, 0));
    return check_range("shape.gateways", shape.gateways, 0, 0);
  }
  VECTRON_CHECK_OK(check_range("shape.gateways", shape.gateways, 1, kPlanNodesMax));
  if (shape.placement_nodes == 1 || shape.placement_nodes == 3) return {};
  return fail(Code::invalid_argument, "plan: shape.placement_nodes must be 1 or 3",
              "shape.placement_nodes");
}

struct Bound {
  const char* field;
  uint64_t value;
  uint64_t low;
  uint64_t high;
};

Result<void> check_bounds(std::initializer_list<Bound> bounds) {
  for (const Bound& bound : bounds) {
    VECTRON_CHECK_OK(check_range(bound.field, bound.value, bound.low, bound.high));
  }
  return {};
}

Result<void> check_knobs(const PlanKnobs& knobs) {
  return check_bounds({
      {"knobs.tick_ms", knobs.tick_ms, 1, 1'000},
      {"knobs.heartbeat_ticks", knobs.heartbeat_ticks, 1, 100},
      {"knobs.election_ticks", knobs.election_ticks, uint64_t{2} * knobs.heartbeat_ticks, 1'000},
      {"knobs.append_bytes_max", knobs.append_bytes_max, 256, 1u << 18},
      {"knobs.proposals_max", knobs.proposals_max, 1, 65'536},
      {"knobs.log_entries_kept_max", knobs.log_entries_kept_max, 1, 1u << 24},
      {"knobs.log_bytes_kept_max", knobs.log_bytes_kept_max, 4'096, 1u << 30},
      {"knobs.snapshot_chunk_bytes_max", knobs.snapshot_chunk_bytes_max, 512, 1u << 20},
      {"knobs.overlay_bytes_max", knobs.overlay_bytes_max, 16'384, 1u << 30},
      {"knobs.flush_bytes_max", knobs.flush_bytes_max, 4'096, 1u << 24},
      {"knobs.flush_bytes_min", knobs.flush_bytes_min, 0, knobs.overlay_bytes_max},
      {"knobs.flush_interval_ms", knobs.flush_interval_ms, 1, 10'000},
      {"knobs.wal_segment_bytes", knobs.wal_segment_bytes, 4'096, 1u << 30},
      {"knobs.wal_prefill_bytes", knobs.wal_prefill_bytes, 0, 1u << 26},
      {"knobs.wal_reserve_bytes", knobs.wal_reserve_bytes, 0, 1u << 26},
      {"knobs.graph_points_min", knobs.graph_points_min, 0, 1'000'000},
      {"knobs.index_batch_points", knobs.index_batch_points, 1, 65'536},
      {"knobs.http_inline_body_bytes", knobs.http_inline_body_bytes, 0, 1u << 30},
      {"knobs.index_linger_ms", knobs.index_linger_ms, 0, 60'000},
      {"knobs.upkeep_interval_ms", knobs.upkeep_interval_ms, 1, 60'000},
      {"knobs.checkpoint_points", knobs.checkpoint_points, 1, 1u << 30},
      {"knobs.checkpoint_pause_ms", knobs.checkpoint_pause_ms, 0, 3'600'000},
      {"knobs.checkpoint_bytes_per_second", knobs.checkpoint_bytes_per_second, 1'024, 1u << 30},
      {"knobs.rebuild_tombstones", knobs.rebuild_tombstones, 1, 1u << 30},
      {"knobs.rebuild_tombstones_ppm", knobs.rebuild_tombstones_ppm, 1, 1'000'000},
      {"knobs.rebuild_slice_points", knobs.rebuild_slice_points, 1, 65'536},
      {"knobs.memory_bytes", knobs.memory_bytes, 0, 1u << 30},
      {"knobs.heartbeat_ms", knobs.heartbeat_ms, 10, 60'000},
      {"knobs.client_deadline_ms", knobs.client_deadline_ms, 10, 60'000},
  });
}

Result<void> check_intensities(const PlanIntensities& intensities) {
  return check_bounds({
      {"intensities.delay_base_us_max", intensities.delay_base_us_max, 0, 1'000'000},
      {"intensities.delay_tail_us_max", intensities.delay_tail_us_max, 0, 10'000'000},
      {"intensities.delay_tail_ppm", intensities.delay_tail_ppm, 0, 1'000'000},
      {"intensities.reset_ppm", intensities.reset_ppm, 0, 1'000'000},
      {"intensities.half_open_ppm", intensities.half_open_ppm, 0, 1'000'000},
      {"intensities.short_io_ppm", intensities.short_io_ppm, 0, 1'000'000},
      {"intensities.stall_ppm", intensities.stall_ppm, 0, 1'000'000},
      {"intensities.stall_us_max", intensities.stall_us_max, 0, 60'000'000},
      {"intensities.refuse_ppm", intensities.refuse_ppm, 0, 1'000'000},
      {"intensities.hang_ppm", intensities.hang_ppm, 0, 1'000'000},
      {"intensities.message_lose_ppm", intensities.message_lose_ppm, 0, 300'000},
      {"intensities.message_repeat_ppm", intensities.message_repeat_ppm, 0, 300'000},
      {"intensities.message_overtake_ppm", intensities.message_overtake_ppm, 0, 300'000},
      {"intensities.forged_per_second", intensities.forged_per_second, 0, 10'000},
      {"intensities.clock_offset_ms_max", intensities.clock_offset_ms_max, 0, 1u << 31},
      {"intensities.clock_drift_ppm_max", intensities.clock_drift_ppm_max, 0, 200'000},
      {"intensities.buggify_point_ppm", intensities.buggify_point_ppm, 0, 1'000'000},
      {"intensities.buggify_fire_ppm", intensities.buggify_fire_ppm, 0, 1'000'000},
  });
}

Result<void> check_collection(const PlanCollection& collection, uint32_t workers) {
  if (collection.name.empty()) {
    return fail(Code::invalid_argument, "plan: a collection needs a name", "collections.name");
  }
  VECTRON_CHECK_OK(
      check_range("collections.dimension", collection.dimension, 1, kPlanDimensionMax));
  VECTRON_CHECK_OK(check_range("collections.shards", collection.shards, 1, kPlanShardsMax));
  VECTRON_CHECK_OK(check_range("collections.replication", collection.replication, 1,
                               std::min(workers, kPlanReplicationMax)));
  VECTRON_CHECK_OK(check_range("collections.m", collection.m, 2, 256));
  VECTRON_CHECK_OK(
      check_range("collections.ef_construction", collection.ef_construction, 1, 4'096));
  VECTRON_CHECK_OK(check_range("collections.ef_search", collection.ef_search, 1, 4'096));
  VECTRON_CHECK_OK(
      check_range("collections.lifetime_ms", collection.lifetime_ms, 0, kPlanDurationMsMax));
  return check_range("collections.keys", collection.keys, 1, 100'000);
}

Result<void> check_workload(const PlanWorkload& workload, uint32_t workers) {
  VECTRON_CHECK_OK(
      check_range("workload.collections", workload.collections.size(), 1, kPlanCollectionsMax));
  std::set<std::string> names;
  for (const PlanCollection& collection : workload.collections) {
    VECTRON_CHECK_OK(check_collection(collection, workers));
    if (!names.insert(collection.name).second) {
      return fail(Code::invalid_argument,
                  fmt::format("plan: collection '{}' stands there twice", collection.name),
                  "collections.name");
    }
  }
  const PlanMix& mix = workload.mix;
  VECTRON_CHECK_OK(check_range(
      "workload.mix", uint64_t{mix.upsert} + mix.get + mix.remove + mix.search, 1, 1'000'000));
  VECTRON_CHECK_OK(check_range("workload.batch_points_max", workload.batch_points_max, 1, 100));
  VECTRON_CHECK_OK(
      check_range("workload.operations_per_second", workload.operations_per_second, 1, 10'000));
  VECTRON_CHECK_OK(
      check_range("workload.duration_ms", workload.duration_ms, 1, kPlanDurationMsMax));
  VECTRON_CHECK_OK(
      check_range("workload.exact_search_ppm", workload.exact_search_ppm, 0, 1'000'000));
  VECTRON_CHECK_OK(
      check_range("workload.eventual_read_ppm", workload.eventual_read_ppm, 0, 1'000'000));
  VECTRON_CHECK_OK(check_range("workload.skipped", workload.skipped.size(), 0, kPlanSkipsMax));
  VECTRON_CHECK_OK(check_range("workload.request_id_ppm", workload.request_id_ppm, 0, 1'000'000));
  VECTRON_CHECK_OK(
      check_range("workload.partial_search_ppm", workload.partial_search_ppm, 0, 1'000'000));
  return check_range("workload.hot_key_ppm", workload.hot_key_ppm, 0, 1'000'000);
}

Result<void> check_fault(const Plan& plan, const PlannedFault& fault,
                         const std::set<std::string>& targets) {
  VECTRON_CHECK_OK(check_range("faults.at_ms", fault.at_ms, 0, plan.workload.duration_ms));
  VECTRON_CHECK_OK(check_range("faults.duration_ms", fault.duration_ms, 0, kPlanDurationMsMax));
  VECTRON_CHECK_OK(check_range("faults.rounds", fault.rounds, 0, 100));
  VECTRON_CHECK_OK(check_range("faults.calls", fault.calls, 0, 1'000));
  VECTRON_CHECK_OK(check_range("faults.again_ms", fault.again_ms, 0, kPlanDurationMsMax));
  VECTRON_CHECK_OK(check_range("faults.grace_ms", fault.grace_ms, 0, kPlanDurationMsMax));
  VECTRON_CHECK_OK(check_range("faults.factor", fault.factor, 0, 1'000));
  VECTRON_CHECK_OK(check_range("faults.connections", fault.connections, 0, 1'000));
  if (fault.fault_class == FaultClass::hostile && plan.profile == "raft") {
    return fail(Code::invalid_argument,
                fmt::format("plan: fault '{}': profile raft has no clients that could be hostile",
                            fault.id),
                "faults.class");
  }
  if (fault.door == HostileDoor::http && !fault.target.starts_with("gateway")) {
    return fail(Code::invalid_argument,
                fmt::format("plan: fault '{}': only gateways speak HTTP, and '{}' is none",
                            fault.id, fault.target),
                "faults.target");
  }
  if (fault.door == HostileDoor::http && fault.hostile == HostileKind::flood) {
    return fail(Code::invalid_argument,
                fmt::format("plan: fault '{}': a flood is one of frames, over door rpc", fault.id),
                "faults.door");
  }
  if (is_destructive(fault.fault_class) &&
      std::ranges::count(durable_node_names(plan.shape), fault.target) == 0) {
    return fail(Code::invalid_argument,
                fmt::format("plan: fault '{}': {} strikes one placement node or worker by name, "
                            "so that it is known what is at risk",
                            fault.id, fault_class_name(fault.fault_class)),
                "faults.target");
  }
  if (fault.rot == RotKind::checkpoint && !fault.target.starts_with("worker-")) {
    return fail(
        Code::invalid_argument,
        fmt::format("plan: fault '{}': only workers have checkpoints that can rot, and '{}' "
                    "is none",
                    fault.id, fault.target),
        "faults.target");
  }
  if (!targets.contains(fault.target)) {
    return fail(Code::invalid_argument,
                fmt::format("plan: fault '{}': there is no target '{}'", fault.id, fault.target),
                "faults.target");
  }
  if (!fault.peer.empty() && fault.peer != "others" && fault.peer != "durable" &&
      !targets.contains(fault.peer)) {
    return fail(Code::invalid_argument,
                fmt::format("plan: fault '{}': there is no peer '{}'", fault.id, fault.peer),
                "faults.peer");
  }
  return {};
}

Result<void> check_faults(const Plan& plan) {
  VECTRON_CHECK_OK(check_range("faults", plan.faults.size(), 0, kPlanFaultsMax));
  std::set<std::string> targets = {"all", "leader"};
  for (const PlanService& service : plan_services()) {
    if (plan.shape.*service.nodes > 0) targets.emplace(service.plural);
  }
  for (const std::string& name : node_names(plan.shape)) targets.insert(name);
  for (uint32_t i = 0; i < plan.shape.zones; ++i) targets.insert(zone_name(plan.shape, i));
  std::set<std::string> ids;
  for (const PlannedFault& fault : plan.faults) {
    VECTRON_CHECK_OK(check_fault(plan, fault, targets));
    if (fault.id.empty() || !ids.insert(fault.id).second) {
      return fail(Code::invalid_argument,
                  fmt::format("plan: the fault id '{}' is empty or stands there twice", fault.id),
                  "faults.id");
    }
  }
  return {};
}

}  // namespace

bool is_destructive(FaultClass fault_class) {
  return fault_class == FaultClass::bit_rot || fault_class == FaultClass::sync_failure ||
         fault_class == FaultClass::lost_machine;
}

bool is_destructive(const PlannedFault& fault) {
  const bool spare = fault.fault_class == FaultClass::bit_rot && fault.rot == RotKind::checkpoint;
  return is_destructive(fault.fault_class) && !spare;
}

std::vector<std::string> nodes_at_risk(const Plan& plan) {
  std::set<std::string> names;
  for (const PlannedFault& fault : plan.faults) {
    if (is_destructive(fault)) names.insert(fault.target);
  }
  return {names.begin(), names.end()};
}

uint32_t nodes_at_risk_max(const Plan& plan, const PlanService& service) {
  const uint32_t copies = service.copies == nullptr ? 0 : service.copies(plan);
  return copies == 0 ? 0 : (copies - 1) / 2;
}

bool within_risk_budget(const Plan& plan) {
  const std::vector<std::string> struck = nodes_at_risk(plan);
  return std::ranges::all_of(plan_services(), [&](const PlanService& service) {
    const std::string prefix = fmt::format("{}-", service.name);
    const auto count = std::ranges::count_if(
        struck, [&](const std::string& name) { return name.starts_with(prefix); });
    return !service.keeps_data || count <= nodes_at_risk_max(plan, service);
  });
}

bool leaves_network_alone(const PlanIntensities& intensities) {
  PlanIntensities rest = intensities;
  rest.clock_offset_ms_max = rest.clock_drift_ppm_max = 0;
  rest.buggify_point_ppm = rest.buggify_fire_ppm = 0;
  rest.short_io_ppm = 0;
  return rest == PlanIntensities();
}

std::vector<std::string> durable_node_names(const PlanShape& shape) {
  std::vector<std::string> names;
  for (const PlanService& service : plan_services()) {
    if (service.keeps_data) append_names(names, service.name, shape.*service.nodes);
  }
  return names;
}

std::vector<std::string> node_names(const PlanShape& shape) {
  std::vector<std::string> names = durable_node_names(shape);
  for (const PlanService& service : plan_services()) {
    if (!service.keeps_data) append_names(names, service.name, shape.*service.nodes);
  }
  append_names(names, "client", shape.clients);
  return names;
}

std::string zone_name(const PlanShape& shape, uint32_t index) {
  return fmt::format("zone-{}", index % shape.zones);
}

Result<void> Plan::validate() const {
  VECTRON_CHECK_OK(
      check_range("format_version", format_version, kPlanFormatVersion, kPlanFormatVersion));
  const bool has_profile = profile == "cluster" || profile == "raft" || profile == "loaded";
  VECTRON_CHECK_OK(
      need(has_profile, "profile",
           fmt::format("plan: there is no profile '{}' (cluster, raft, loaded)", profile)));
  VECTRON_CHECK_OK(check_shape(shape, profile == "raft"));
  VECTRON_CHECK_OK(check_knobs(knobs));
  VECTRON_CHECK_OK(check_workload(workload, shape.workers));
  VECTRON_CHECK_OK(check_intensities(intensities));
  VECTRON_CHECK_OK(check_range("loaded.from_ms", loaded.from_ms, 0, loaded.to_ms));
  VECTRON_CHECK_OK(check_range("loaded.to_ms", loaded.to_ms, loaded.from_ms, workload.duration_ms));
  for (const std::string& name : switched_on) {
    VECTRON_CHECK_OK(need(fault_class_named(name).has_value(), "switched_on",
                          fmt::format("plan: there is no fault class '{}'", name)));
  }
  return check_faults(*this);
}

}  // namespace vectron::sim
