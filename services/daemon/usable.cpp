#include "services/daemon/usable.h"

#include <fmt/format.h>

namespace vectron {
namespace {

constexpr std::string_view kWhatToDo =
    "; bring back the folder of that copy from a backup, or delete the collection";

Unready look_at(const api::CollectionStatus& collection, const std::set<uint64_t>& silent) {
  Unready unready{collection.name, true, {}};
  for (const api::ShardStatus& shard : collection.shards) {
    size_t lost = 0;
    for (const api::ReplicaStatus& replica : shard.replicas) {
      const bool away = silent.contains(replica.node_id);
      if (!replica.lost && !away) continue;
      ++lost;
      unready.why +=
          fmt::format("{}replica {} of shard {} on worker {} is {}",
                      unready.why.empty() ? "" : ", ", replica.replica_id, shard.shard_id,
                      replica.node_id, replica.lost ? "lost" : "away with its worker");
    }
    if (lost * 2 >= shard.replicas.size()) unready.may_come = false;
  }
  if (unready.why.empty()) {
    unready.why = "its shards have no leaders yet, it may become ready later";
  } else {
    unready.why += kWhatToDo;
  }
  return unready;
}

}  // namespace

std::set<uint64_t> silent_nodes(const api::ListWorkersReply& workers) {
  std::set<uint64_t> silent;
  for (const api::WorkerStatus& worker : workers.workers) {
    const bool heard =
        worker.state == api::WorkerState::ready || worker.state == api::WorkerState::draining;
    if (!heard) silent.insert(worker.node_id);
  }
  return silent;
}

std::string progress_of(const api::ListCollectionsReply& listed, const std::set<uint64_t>& silent) {
  std::string out;
  const auto into = std::back_inserter(out);
  for (const uint64_t node : silent) fmt::format_to(into, "-{}", node);
  for (const api::CollectionStatus& collection : listed.collections) {
    if (collection.ready) continue;
    fmt::format_to(into, " {}", collection.id);
    for (const api::ShardStatus& shard : collection.shards) {
      fmt::format_to(into, " {}:{}", shard.shard_id, shard.leader_node);
      for (const api::ReplicaStatus& replica : shard.replicas) {
        fmt::format_to(into, ",{}{}{}", replica.applied_index, replica.created ? "c" : "",
                       replica.lost ? "l" : "");
      }
    }
  }
  return out;
}

std::vector<Unready> unready_collections(const api::ListCollectionsReply& listed,
                                         const std::set<uint64_t>& silent) {
  std::vector<Unready> unready;
  for (const api::CollectionStatus& collection : listed.collections) {
    if (!collection.ready) unready.push_back(look_at(collection, silent));
  }
  return unready;
}

}  // namespace vectron
