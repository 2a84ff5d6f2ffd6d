// What a shard's work on the pool is taken to cost, and with that who may do it (core/env/cpu.h).
//
// Pure. Used by Shard.
#pragma once

#include <algorithm>

#include "core/env/cpu.h"
#include "core/index/shard_index.h"

namespace vectron {

/// Of linking points into the graph, by an estimate of `evaluations` distances between vectors of
/// `dimension` floats. Nobody waits for it.
inline CpuCost linking_cost(uint64_t evaluations, uint64_t dimension) {
  CpuCost cost = CpuCost::distances(evaluations, dimension);
  cost.background = true;
  return cost;
}

/// Of an entry of the log, by its operations and its bytes, as measured: decoding it, a slot and a
/// row of the overlay for each point.
inline CpuCost applying_cost(size_t operations, size_t bytes) {
  return {.nanoseconds = 500 + 2'500 * operations + 2 * bytes};
}

/// Of checking and encoding a write, which is then decoded once more before it is proposed.
inline CpuCost proposing_cost(size_t operations, size_t bytes) {
  return {.nanoseconds = 500 + 500 * operations + 3 * bytes};
}

/// Of mending a graph that came back from a checkpoint: the shard waits for it. Never light, for
/// there are many pieces of it, and searches of other shards do not queue behind them.
inline CpuCost mending_cost(uint64_t evaluations, uint64_t dimension) {
  CpuCost cost = CpuCost::distances(evaluations, dimension);
  cost.nanoseconds = std::max(cost.nanoseconds, CpuCost::kLightNanosecondsMax + 1);
  return cost;
}

/// Distances that a search may evaluate which was taken for light. Beyond several times what was
/// expected it is not.
inline uint64_t light_evaluations_max(index::SearchCost expected) {
  return 1'000 + 4 * (expected.walked + expected.scanned);
}

/// Of a search: of its walk over the graph only what grows with the dimension counts.
inline CpuCost search_cost(index::SearchCost search, uint64_t dimension) {
  CpuCost cost = CpuCost::distances(search.scanned, dimension);
  cost.nanoseconds += search.walked * dimension / 12;
  return cost;
}

/// Whether a search is short enough for the event loop, where nothing is written meanwhile.
inline bool may_search_on_loop(index::SearchCost expected, uint64_t dimension) {
  return search_cost(expected, dimension).nanoseconds <= CpuCost::kLightNanosecondsMax;
}

/// Of one that was taken for light and is not.
inline CpuCost heavy_search_cost(index::SearchCost search, uint64_t dimension) {
  CpuCost cost = search_cost(search, dimension);
  cost.nanoseconds = std::max(cost.nanoseconds, CpuCost::kLightNanosecondsMax + 1);
  return cost;
}

}  // namespace vectron
