#include "services/placement/placement_invariants.h"

#include <set>

namespace vectron {

std::optional<std::string> PlacementInvariants::violation(const PlacementState& state,
                                                          const stored::PlacementCounters& before) {
  if (const char* broken = counters(state, before)) return broken;
  if (const char* broken = counts(state)) return broken;
  return std::nullopt;
}

std::optional<std::string> PlacementInvariants::contradiction(const PlacementState& state) {
  for (const auto check : {names, ids, book, counts}) {
    if (const char* broken = check(state)) return broken;
  }
  return std::nullopt;
}

const char* PlacementInvariants::counters(const PlacementState& state,
                                          const stored::PlacementCounters& before) {
  const stored::PlacementCounters& now = state.counters_;
  if (now.revision < before.revision) return "the revision fell";
  if (now.collection_id < before.collection_id) return "collection ids are given out again";
  if (now.shard_id < before.shard_id) return "shard ids are given out again";
  if (now.replica_id < before.replica_id) return "replica ids are given out again";
  if (before.lineage != 0 && now.lineage != before.lineage) return "the lineage changed";
  return nullptr;
}

const char* PlacementInvariants::counts(const PlacementState& state) {
  if (state.by_name_.size() != state.collections_.size())
    return "not every collection has a name of its own";
  if (state.book_.unmade().size() > state.book_.replica_count())
    return "more replicas are not made than there are";
  if (state.book_.workers_in_use() > state.workers_.size())
    return "a worker that is not on record is in use";
  return nullptr;
}

const char* PlacementInvariants::names(const PlacementState& state) {
  for (const auto& [id, collection] : state.collections_) {
    const auto named = state.by_name_.find(collection.name);
    if (named == state.by_name_.end() || named->second != id)
      return "two collections have one name";
    if (state.removed_.contains(id)) return "a collection is both there and removed";
  }
  return nullptr;
}

// Every id was given out, and to one collection, shard or replica alone.
const char* PlacementInvariants::ids(const PlacementState& state) {
  const stored::PlacementCounters& given = state.counters_;
  std::set<uint64_t> shards;
  std::set<uint64_t> replicas;
  const auto check = [&](const stored::CollectionRecord& collection) -> const char* {
    if (collection.id > given.collection_id) return "a collection's id was not given out";
    for (const stored::ShardRecord& shard : collection.shards) {
      if (shard.shard_id > given.shard_id) return "a shard's id was not given out";
      if (!shards.insert(shard.shard_id).second) return "two shards have one id";
      for (const stored::ReplicaRecord& replica : shard.replicas) {
        if (replica.replica_id > given.replica_id) return "a replica's id was not given out";
        if (!replicas.insert(replica.replica_id).second) return "two replicas have one id";
        if (!state.workers_.contains(NodeId(replica.node_id)))
          return "a worker that is not on record holds a replica";
      }
    }
    return nullptr;
  };
  for (const auto& [id, collection] : state.collections_) {
    if (const char* broken = check(collection)) return broken;
  }
  for (const auto& [id, removed] : state.removed_) {
    if (removed.revision > given.revision) return "a removal is newer than all changes";
    if (const char* broken = check(removed.collection)) return broken;
  }
  return nullptr;
}

const char* PlacementInvariants::book(const PlacementState& state) {
  size_t replicas = 0;
  size_t unmade = 0;
  for (const auto& [id, collection] : state.collections_) {
    for (size_t shard = 0; shard < collection.shards.size(); ++shard) {
      const std::vector<stored::ReplicaRecord>& records = collection.shards[shard].replicas;
      for (size_t i = 0; i < records.size(); ++i) {
        const ReplicaId replica(records[i].replica_id);
        const NodeId node(records[i].node_id);
        const AssignmentBook::Places& places = state.book_.replicas_of(node);
        const auto place = places.find(replica);
        if (place == places.end() || place->second != AssignmentBook::Place{id, shard, i})
          return "a replica is not where the book says";
        if (!state.book_.peers_of(node).contains(node))
          return "a holder shares no shard with itself";
        const auto awaited = state.book_.unmade().find(replica);
        const bool is_awaited = awaited != state.book_.unmade().end() && awaited->second == node;
        if (is_awaited == records[i].created) return "the book is wrong about what is made";
        unmade += is_awaited ? 1 : 0;
      }
      replicas += records.size();
    }
  }
  if (replicas != state.book_.replica_count()) return "the book has another number of replicas";
  if (unmade != state.book_.unmade().size()) return "the book waits for what is not on record";
  size_t places = 0;
  for (const auto& [node, worker] : state.workers_) places += state.book_.replicas_of(node).size();
  if (places != replicas) return "the book has replicas that are not on record";
  for (const auto& [id, removed] : state.removed_) {
    for (const stored::ShardRecord& shard : removed.collection.shards) {
      for (const stored::ReplicaRecord& replica : shard.replicas) {
        if (!state.book_.may_hold(NodeId(replica.node_id), ReplicaId(replica.replica_id)))
          return "the book has lost a copy of a removed collection";
      }
    }
  }
  return nullptr;
}

}  // namespace vectron
