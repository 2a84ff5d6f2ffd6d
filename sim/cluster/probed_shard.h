// A shard of a run, and ids that lie in it and that no client uses.
#pragma once

#include "core/model/point_id.h"
#include "core/model/shard_map.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

/// A shard to be probed.
struct ProbedShard {
  /// Its position in the plan's workload.
  uint32_t collection = 0;
  GroupId group;
  HashRange range;
  size_t replicas = 0;
  /// Of the collection's shard map.
  uint64_t epoch = 0;
};

/// An id of the collection's kind whose hash lies in `range`, far from the workload's keys. Other
/// numbers give other ids.
PointId probe_id(const PlanCollection& collection, const HashRange& range, uint64_t number);

}  // namespace vectron::sim
