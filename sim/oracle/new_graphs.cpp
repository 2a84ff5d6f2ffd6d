// recall_of_new_graphs(): what the options of a plan's collections allow, whatever happened in its
// run.
#include <memory>

#include "core/index/shard_index.h"
#include "sim/oracle/search_check.h"

namespace vectron::sim {

namespace {

/// Of each collection.
constexpr size_t kQueriesMax = 100;
constexpr uint64_t kEnd = UINT64_MAX;

/// One shard as it is in the end, in the order of its points' versions.
std::unique_ptr<index::ShardIndex> new_graph(const CollectionModel& collection,
                                             const ShardModel& shard) {
  std::map<std::pair<uint64_t, PointId>, const std::vector<float>*> points;
  shard.for_each(kEnd, [&](const PointId& id, const PointVersion& version) {
    points.emplace(std::pair(version.index, id), &version.vector);
  });
  if (points.empty()) return nullptr;
  index::ShardIndexOptions options;
  options.metric = collection.metric;
  options.dimension = static_cast<uint32_t>(points.begin()->second->size());
  options.m = collection.m;
  options.ef_construction = collection.ef_construction;
  auto graph = std::make_unique<index::ShardIndex>(options);
  for (const auto& [key, vector] : points) {
    graph->append_stored(*vector);
    graph->index_some(1);
  }
  return graph;
}

void count(const index::ShardIndex& graph, const CollectionModel& collection,
           const SearchRecord& search, Recall* recall) {
  const auto expected = graph.search(graph.cut(), search.query, {.k = search.k, .exact = true});
  const auto found =
      graph.search(graph.cut(), search.query, {.k = search.k, .ef = collection.ef_search});
  ++recall->searches;
  recall->expected += expected.size();
  for (const index::Hit& hit : found) {
    recall->found += hit.distance <= expected.back().distance ? 1 : 0;
  }
}

}  // namespace

Recall recall_of_new_graphs(const History& history,
                            const std::vector<CollectionModel>& collections) {
  Recall recall;
  for (size_t i = 0; i < collections.size(); ++i) {
    std::vector<const SearchRecord*> searches;
    for (const Operation& operation : history.operations()) {
      const bool counts = operation.kind == OperationKind::search && operation.collection == i &&
                          operation.outcome == Outcome::ok && !operation.search->exact;
      if (counts && searches.size() < kQueriesMax) searches.push_back(operation.search.get());
    }
    if (searches.empty()) continue;
    for (const auto& [id, shard] : collections[i].shards) {
      const auto graph = new_graph(collections[i], shard);
      if (graph == nullptr) continue;
      for (const SearchRecord* search : searches) count(*graph, collections[i], *search, &recall);
    }
  }
  return recall;
}

}  // namespace vectron::sim
