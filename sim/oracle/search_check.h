// Searches and reads against the model at the indexes that their answers name.
//
// An exact search must be what brute force over the model gives: the same ids in the same order,
// the same bits of each score, the same versions. An approximate one may miss points, and nothing
// else: no id twice, none that is deleted or foreign, each score and version right, best first, as
// many as there are up to k; its recall is added up over the run. It may not miss a point that was
// written after the index up to which the answer says that the graph was asked. A get must be the
// model's value.
#pragma once

#include <map>
#include <vector>

#include "sim/history/history.h"
#include "sim/oracle/shard_model.h"
#include "sim/oracle/violation.h"

namespace vectron::sim {

/// What the oracle knows of one collection: its shards' models by shard id.
struct CollectionModel {
  index::Metric metric = index::Metric::cosine;
  std::map<uint64_t, ShardModel> shards;
};

/// Recall of approximate searches, added up.
struct Recall {
  uint64_t searches = 0;
  uint64_t found = 0;
  uint64_t expected = 0;
  uint64_t exact_searches = 0;
  uint64_t found_ppm() const { return expected == 0 ? 1'000'000 : found * 1'000'000 / expected; }
};

/// The floor holds once so many neighbours were expected: below it chance decides.
inline constexpr uint64_t kRecallExpectedMin = 500;
/// Graphs of simulated runs are small, with few links and few candidates: this is a floor against
/// blunders, and the figure of merit is measured by the benches and the demo.
inline constexpr uint64_t kRecallFloorPpm = 850'000;

/// Checks every answered search and get of `history`; `collections` by position in the plan's
/// workload.
Recall check_answers(const History& history, const std::vector<CollectionModel>& collections,
                     ViolationLog* log);

/// Objects when the recall is below its floor.
void check_recall(const Recall& recall, ViolationLog* log);

}  // namespace vectron::sim
