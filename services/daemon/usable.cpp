#include "services/daemon/usable.h"

#include <fmt/format.h>

#include <iterator>
#include <map>
#include <string_view>

namespace vectron {
namespace {

constexpr std::string_view kWhatToDo =
    "; bring back the folder of that copy from a backup, or delete the collection";

constexpr std::string_view kRaiseLimit =
    "; raise the limit of descriptors (ulimit -n) and start it again";

/// The copies that their workers keep closed: all but the first `open_max` of each that are whole.
std::set<uint64_t> closed_replicas(const api::ListCollectionsReply& listed, uint64_t open_max) {
  std::map<uint64_t, std::set<uint64_t>> whole;  // Replicas by worker.
  for (const api::CollectionStatus& collection : listed.collections) {
    for (const api::ShardStatus& shard : collection.shards) {
      for (const api::ReplicaStatus& replica : shard.replicas) {
        if (!replica.lost) whole[replica.node_id].insert(replica.replica_id);
      }
    }
  }
  std::set<uint64_t> closed;
  for (const auto& [node, replicas] : whole) {
    if (open_max == 0 || replicas.size() <= open_max) continue;
    closed.insert(std::next(replicas.begin(), static_cast<ptrdiff_t>(open_max)), replicas.end());
  }
  return closed;
}

/// Copies that do not run.
struct Absent {
  const std::set<uint64_t>& silent;
  const std::set<uint64_t>& closed;

  /// Nothing for one that may run.
  std::string_view why(const api::ReplicaStatus& replica) const {
    if (replica.lost) return "lost";
    if (silent.contains(replica.node_id)) return "away with its worker";
    return closed.contains(replica.replica_id) ? "closed" : "";
  }
};

Unready look_at(const api::CollectionStatus& collection, const Absent& absent) {
  Unready unready{collection.name, true, {}};
  bool all_closed = true;
  for (const api::ShardStatus& shard : collection.shards) {
    size_t missing = 0;
    for (const api::ReplicaStatus& replica : shard.replicas) {
      const std::string_view why = absent.why(replica);
      if (why.empty()) continue;
      ++missing;
      all_closed = all_closed && why == "closed";
      unready.why += fmt::format("{}replica {} of shard {} on worker {} is {}",
                                 unready.why.empty() ? "" : ", ", replica.replica_id,
                                 shard.shard_id, replica.node_id, why);
    }
    if (missing * 2 >= shard.replicas.size()) unready.may_come = false;
  }
  if (unready.why.empty()) {
    unready.why = "its shards have no leaders yet, it may become ready later";
  } else {
    unready.why += all_closed ? kRaiseLimit : kWhatToDo;
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
                                         const std::set<uint64_t>& silent, uint64_t open_max) {
  std::vector<Unready> unready;
  const std::set<uint64_t> closed = closed_replicas(listed, open_max);
  const Absent absent{silent, closed};
  for (const api::CollectionStatus& collection : listed.collections) {
    if (!collection.ready) unready.push_back(look_at(collection, absent));
  }
  return unready;
}

}  // namespace vectron
