// Probes: rare things that seeds are meant to reach. A campaign that never reached one proved
// nothing about it.
#pragma once

#include <string_view>
#include <vector>

#include "sim/cluster/run.h"

namespace vectron::sim {

struct ProbeInfo {
  std::string_view name;
  std::string_view meaning;
  uint64_t (*count)(const RunReport& report);
};

/// All probes, in the order of reports.
const std::vector<ProbeInfo>& probes();

}  // namespace vectron::sim
