// What a shard's work on the pool is taken to cost, and with that who may do it (core/env/cpu.h).
//
// Pure. Used by Shard.
#pragma once

#include <algorithm>

#include "core/env/cpu.h"
#include "core/index/shard_index.h"
#include "core/model/collection.h"

namespace vectron {

/// Of linking points into the graph, by an estimate of `evaluations` distances between vectors of
/// `dimension` floats. Nobody waits for it.
inline CpuCost linking_cost(uint64_t evaluations, uint64_t dimension) {
  CpuCost cost = CpuCost::distances(evaluations, dimension);
  cost.background = true;
  return cost;
}

// What the event loop does itself. The costs are upper bounds of what was measured: the processor
// time of a thread, medians over entries of 10 to 2,000 points of 4 to 784 floats and 0 to 60,000
// bytes of payload.

/// Of an entry of the log, by its operations and its bytes: decoding it, a slot and a row of the
/// overlay for each point. 1 to 3 us a point in a small shard, 3 to 6 us in one of 200,000 points
/// whose writes wait to be stored, and 1 ns a byte of large ones.
inline CpuCost applying_cost(size_t operations, size_t bytes) {
  return {.nanoseconds = 500 + 5'000 * operations + bytes};
}

/// Of taking up the records of requests that a shard remembers.
inline CpuCost remembering_cost(size_t records) {
  return {.nanoseconds = 500 + 2'500 * records};
}

/// Whether a command may be proposed: its entry is applied in one turn of the event loop. Others
/// are in logs of before this bound only; each of them is one long turn, which the simulation does
/// not measure. (Its nodes propose none.)
inline bool applies_in_a_turn(size_t operations, size_t bytes) {
  return operations <= kWriteOperationsMax && bytes <= kWriteBytesMax;
}

/// Of what search hits say besides their payloads and vectors.
inline CpuCost rows_cost(size_t hits) {
  return {.nanoseconds = 100 * hits};
}

/// Of checking and encoding a write, twice where it has a request id: 0.2 to 1.8 us a point.
inline CpuCost proposing_cost(size_t operations, size_t bytes) {
  return {.nanoseconds = 500 + 700 * operations + bytes};
}

/// Of looking at an entry that another node sent before it enters the log: 0.2 to 0.7 us a point.
inline CpuCost checking_cost(size_t operations, size_t bytes) {
  return {.nanoseconds = 500 + 700 * operations + bytes / 4};
}

/// Of reading points from the store, by the bytes of their vectors and payloads: 0.4 to 1.7 us a
/// point, and 0.1 ns a byte of large ones. Pages that are not in memory are not in it.
inline CpuCost point_reading_cost(size_t points, size_t bytes) {
  return {.nanoseconds = 2'000 * points + bytes / 2};
}

/// Of mending a graph that came back from a checkpoint: the shard waits for it. Never light, for
/// there are many pieces of it, and searches of other shards do not queue behind them.
inline CpuCost mending_cost(uint64_t evaluations, uint64_t dimension) {
  CpuCost cost = CpuCost::distances(evaluations, dimension);
  cost.nanoseconds = std::max(cost.nanoseconds, CpuCost::kLightNanosecondsMax + 1);
  return cost;
}

/// Distances that fit three times into the time that an event loop may be held, with what else a
/// walk does at each node: a search may evaluate so many on its way, in the flat tail, and where it
/// compares all.
inline uint64_t loop_evaluations_max(uint64_t dimension) {
  constexpr uint64_t kHeldNanosecondsMax = 5'000'000;
  return kHeldNanosecondsMax / 3 / (20 + dimension / 12);
}

/// Distances that a search may evaluate which was taken for light. Beyond several times what was
/// expected it is not. (What is added for the smallest is short for long vectors too.)
inline uint64_t light_evaluations_max(index::SearchCost expected, uint64_t dimension) {
  const uint64_t more = 10 * CpuCost::kLightNanosecondsMax / (20 + dimension / 12);
  const uint64_t most = std::min<uint64_t>(1'000, more) + 4 * (expected.walked + expected.scanned);
  return std::min(most, loop_evaluations_max(dimension));
}

/// Of a search: of its walk over the graph only what grows with the dimension counts.
inline CpuCost search_cost(index::SearchCost search, uint64_t dimension) {
  CpuCost cost = CpuCost::distances(search.scanned, dimension);
  cost.nanoseconds += search.walked * dimension / 12;
  return cost;
}

/// Whether a search is short enough for the event loop, where nothing is written meanwhile.
inline bool may_search_on_loop(index::SearchCost expected, uint64_t dimension) {
  return expected.walked + expected.scanned <= loop_evaluations_max(dimension) &&
         search_cost(expected, dimension).nanoseconds <= CpuCost::kLightNanosecondsMax;
}

/// Of one that was taken for light and is not.
inline CpuCost heavy_search_cost(index::SearchCost search, uint64_t dimension) {
  CpuCost cost = search_cost(search, dimension);
  cost.nanoseconds = std::max(cost.nanoseconds, CpuCost::kLightNanosecondsMax + 1);
  return cost;
}

}  // namespace vectron
