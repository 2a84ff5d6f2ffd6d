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
  /// Of its graphs, with the next two.
  uint32_t m = 16;
  uint32_t ef_construction = 200;
  uint32_t ef_search = 100;
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

/// What was found while faults struck, and in the calm after them.
struct RunRecall {
  Recall beside_faults;
  Recall calm;
  Recall all() const;
  /// What a run is judged by: searches of a cluster that is well do not make up for those beside
  /// faults, unless these are too few to tell.
  Recall judged() const;
};

/// Checks every answered search and get of `history`; `collections` by position in the plan's
/// workload. What clients from number `calm_client` on asked was asked after the faults.
RunRecall check_answers(const History& history, const std::vector<CollectionModel>& collections,
                        uint32_t calm_client, ViolationLog* log);

/// The kind of an objection to a recall that no graph with these options would reach either.
inline constexpr std::string_view kOutOfReach = "out_of_reach";

/// Objects when the recall is below its floor. `of_new_graphs` is that of recall_of_new_graphs(),
/// where it was asked for: it says whether the run did harm or the plan asks for too much.
void check_recall(const Recall& recall, const Recall& of_new_graphs, ViolationLog* log);

/// What graphs that are new, with the options of the collections and of all points that are there
/// in the end, find of some of the queries in `history`.
Recall recall_of_new_graphs(const History& history,
                            const std::vector<CollectionModel>& collections);

}  // namespace vectron::sim
