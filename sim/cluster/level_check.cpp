#include "sim/cluster/level_check.h"

#include <fmt/core.h>

#include <array>

#include "core/rpc/server.h"
#include "sim/cluster/node_configs.h"

namespace vectron::sim {

namespace {

struct Bound {
  Metric level;
  uint64_t max;
};

}  // namespace

std::optional<std::string> level_above_bound(const Metrics& metrics) {
  static const std::array<Bound, 3> kBoundsOfLevels = {{
      {Metric::rpc_bytes_held_peak, rpc::ServerConfig().body_bytes_in_flight_max},
      {Metric::rpc_nodes_known, rpc::ServerConfig().nodes_known_max},
      {Metric::placement_workers, kSimulatedWorkersMax},
  }};
  for (const Bound& bound : kBoundsOfLevels) {
    const uint64_t value = metrics.value(bound.level);
    if (value <= bound.max) continue;
    return fmt::format("{} is {}, above {}", metric_row(bound.level).name, value, bound.max);
  }
  return std::nullopt;
}

}  // namespace vectron::sim
