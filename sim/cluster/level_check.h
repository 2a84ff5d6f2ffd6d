// What a process keeps for others, against its bounds: bytes that wait, nodes, workers, reports.
#pragma once

#include <optional>
#include <string>

#include "core/env/metrics.h"
#include "sim/cluster/node_configs.h"

namespace vectron::sim {

/// What one process may keep.
struct LevelBounds {
  /// Of what came from peers and of what waits for them.
  uint64_t bytes_held = 0;
  /// Whose last start is remembered.
  uint64_t nodes_known = 0;
  /// On record.
  uint64_t workers = 0;
};

/// Of a node of that kind in a run of that profile.
LevelBounds level_bounds(const std::string& profile, ServiceId kind, uint32_t placement_nodes);

/// Which level of a process is above its bound; none where all is well.
std::optional<std::string> level_above_bound(const Metrics& metrics, const LevelBounds& bounds);

}  // namespace vectron::sim
