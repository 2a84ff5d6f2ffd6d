// What a shard's work on the pool is taken to cost, and with that who may do it (core/env/cpu.h).
//
// Pure. Used by Shard.
#pragma once

#include <algorithm>

#include "core/env/cpu.h"

namespace vectron {

/// Of linking points into the graph, by an estimate of `evaluations` distances between vectors of
/// `dimension` floats. Never light, however few and short they are: nobody waits for it, and
/// searches do not queue behind it.
inline CpuCost linking_cost(uint64_t evaluations, uint64_t dimension) {
  CpuCost cost = CpuCost::distances(evaluations, dimension);
  cost.nanoseconds = std::max(cost.nanoseconds, CpuCost::kLightNanosecondsMax + 1);
  return cost;
}

/// Of comparing a query with `points` vectors one by one.
inline CpuCost scan_cost(uint64_t points, uint64_t dimension) {
  return CpuCost::distances(points, dimension);
}

/// Of a walk over the graph. Only what grows with the dimension counts.
inline CpuCost walk_cost(uint64_t evaluations, uint64_t dimension) {
  return {1000 + evaluations * dimension / 12};
}

}  // namespace vectron
