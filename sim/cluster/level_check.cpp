#include "sim/cluster/level_check.h"

#include <fmt/core.h>

#include <array>

#include "core/rpc/server.h"
#include "sim/oracle/peer_watch.h"

namespace vectron::sim {

namespace {

/// A gateway has a server for each protocol, and they count together.
constexpr uint64_t kServersMax = 2;

struct Bound {
  Metric level;
  uint64_t max;
};

/// What its servers are told that they may hold.
uint64_t bytes_in_flight_max(const std::string& profile, ServiceId kind) {
  if (kind == ServiceId::gateway) return kGatewayBytesHeldMax;
  if (profile == "raft") return rpc::ServerConfig().body_bytes_in_flight_max;
  return peer_bounds(nullptr).body_bytes_in_flight_max;
}

}  // namespace

LevelBounds level_bounds(const std::string& profile, ServiceId kind, uint32_t placement_nodes) {
  const uint64_t servers = kind == ServiceId::gateway ? kServersMax : 1;
  return {.bytes_held =
              bytes_in_flight_max(profile, kind) + servers * kConnectionsMax * kUncheckedBytesMax,
          // Who has an incarnation on record: the workers, and the placement nodes themselves.
          .nodes_known = kSimulatedWorkersMax + placement_nodes,
          .workers = kSimulatedWorkersMax};
}

std::optional<std::string> level_above_bound(const Metrics& metrics, const LevelBounds& bounds) {
  const std::array<Bound, 3> levels = {{
      {Metric::rpc_bytes_held_peak, bounds.bytes_held},
      {Metric::rpc_nodes_known, bounds.nodes_known},
      {Metric::placement_workers, bounds.workers},
  }};
  for (const Bound& bound : levels) {
    const uint64_t value = metrics.value(bound.level);
    if (value <= bound.max) continue;
    return fmt::format("{} is {}, above {}", metric_row(bound.level).name, value, bound.max);
  }
  return std::nullopt;
}

}  // namespace vectron::sim
