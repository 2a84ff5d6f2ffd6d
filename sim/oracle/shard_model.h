// What a shard must hold at each log index, computed from its committed entries alone.
//
// The dumb twin of services/worker: no graph, no tombstones, no store; a list of versions for each
// point. Built once after a run from the entries that ReplicaWatch collected, then only read.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/index/distance.h"
#include "core/model/point_id.h"
#include "core/raft/types.h"
#include "sim/history/history.h"

namespace vectron::sim {

/// A point from one log index on, until its next version.
struct PointVersion {
  uint64_t index = 0;
  bool present = false;
  /// As the index compares it: normalised under cosine.
  std::vector<float> vector;
  ValueNumber value = kAbsent;
};

class ShardModel {
 public:
  /// `entries`: the payloads of indexes 1, 2, ...; null for entries without a command.
  /// Errors: those of decoding a ShardCommand, with the index.
  static Result<ShardModel> build(std::span<const raft::Payload> entries, index::Metric metric);

  /// The point at `index`; null when it does not exist then.
  const PointVersion* find(const PointId& id, uint64_t index) const;
  /// Visits every point that exists at `index`.
  void for_each(uint64_t index,
                const std::function<void(const PointId&, const PointVersion&)>& visit) const;
  /// The coverage (core/model/coverage.h) of all points that exist at `index`.
  uint64_t coverage(uint64_t index) const;
  uint64_t last_index() const { return last_index_; }

 private:
  /// Versions by ascending index.
  std::map<PointId, std::vector<PointVersion>> points_;
  uint64_t last_index_ = 0;
};

}  // namespace vectron::sim
