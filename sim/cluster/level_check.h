// What a process keeps for others, against its bounds: bytes that wait, nodes, workers, reports.
#pragma once

#include <optional>
#include <string>

#include "core/env/metrics.h"

namespace vectron::sim {

/// Which level of a process is above its bound; none where all is well.
std::optional<std::string> level_above_bound(const Metrics& metrics);

}  // namespace vectron::sim
