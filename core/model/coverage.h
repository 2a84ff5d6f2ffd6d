// Coverage: a number that says which points, in which versions, something holds.
//
// A sum of one hash for each point, so it does not depend on order and parts can be added up. A
// checkpoint is checked by it, and so is every index in the simulation, against the shard's model.
#pragma once

#include "core/base/hash.h"
#include "core/model/point_id.h"

namespace vectron {

/// One point's part. `version`: the log index that wrote it.
inline uint64_t coverage_hash(const PointId& id, uint64_t version) {
  return mix64(placement_hash(id) ^ mix64(version));
}

}  // namespace vectron
