#include "services/placement/assignment_book.h"

#include "core/base/assert.h"

namespace vectron {

void AssignmentBook::clear() {
  pages_.clear();
  unmade_.clear();
  versions_.clear();
  replica_count_ = 0;
  cleared_ = ++version_;
}

void AssignmentBook::add(const stored::CollectionRecord& collection) {
  for (size_t shard = 0; shard < collection.shards.size(); ++shard) {
    const std::vector<stored::ReplicaRecord>& replicas = collection.shards[shard].replicas;
    for (size_t i = 0; i < replicas.size(); ++i) {
      const ReplicaId replica(replicas[i].replica_id);
      const NodeId node(replicas[i].node_id);
      const Place place{CollectionId(collection.id), shard, i};
      pages_[node].places.insert_or_assign(replica, place);
      if (!replicas[i].created) unmade_[replica] = node;
      touch(node);
    }
    replica_count_ += replicas.size();
    share(collection.shards[shard], true);
  }
}

void AssignmentBook::remove(const stored::CollectionRecord& collection) {
  for (const stored::ShardRecord& shard : collection.shards) {
    share(shard, false);
    for (const stored::ReplicaRecord& record : shard.replicas) {
      const ReplicaId replica(record.replica_id);
      const NodeId node(record.node_id);
      const auto page = pages_.find(node);
      VECTRON_ASSERT(page != pages_.end(), "worker {} has no page for replica {}", node, replica);
      page->second.places.erase(replica);
      unmade_.erase(replica);
      touch(node);
    }
    VECTRON_ASSERT(replica_count_ >= shard.replicas.size(), "more replicas are removed than are");
    replica_count_ -= shard.replicas.size();
  }
  remember_removed(collection);
}

void AssignmentBook::remember_removed(const stored::CollectionRecord& collection) {
  for (const stored::ShardRecord& shard : collection.shards) {
    for (const stored::ReplicaRecord& replica : shard.replicas) {
      pages_[NodeId(replica.node_id)].leaving.insert(ReplicaId(replica.replica_id));
    }
  }
}

void AssignmentBook::forget_removed(const stored::CollectionRecord& collection) {
  for (const stored::ShardRecord& shard : collection.shards) {
    for (const stored::ReplicaRecord& record : shard.replicas) {
      const NodeId node(record.node_id);
      const auto page = pages_.find(node);
      VECTRON_ASSERT(page != pages_.end(), "worker {} has no page", node);
      page->second.leaving.erase(ReplicaId(record.replica_id));
      erase_if_empty(node);
    }
  }
}

void AssignmentBook::note_made(ReplicaId replica) {
  const auto unmade = unmade_.find(replica);
  VECTRON_ASSERT(unmade != unmade_.end(), "replica {} was made before", replica);
  touch(unmade->second);
  unmade_.erase(unmade);
}

// All that share a shard with it are told its address.
void AssignmentBook::note_worker(NodeId node) {
  touch(node);
  for (const auto& [peer, shards] : peers_of(node)) touch(peer);
}

// A version that it had before must not come back: all that did not change get a new one.
void AssignmentBook::forget_worker(NodeId node) {
  VECTRON_ASSERT(!is_in_use(node), "worker {} is forgotten while it is in use", node);
  versions_.erase(node);
  cleared_ = ++version_;
}

// Counts the shards that each two workers share.
void AssignmentBook::share(const stored::ShardRecord& shard, bool shared) {
  for (const stored::ReplicaRecord& one : shard.replicas) {
    std::map<NodeId, size_t>& peers = pages_[NodeId(one.node_id)].peers;
    for (const stored::ReplicaRecord& other : shard.replicas) {
      const NodeId peer(other.node_id);
      if (shared) {
        ++peers[peer];
        continue;
      }
      const auto known = peers.find(peer);
      VECTRON_ASSERT(known != peers.end(), "workers {} and {} shared nothing", one.node_id, peer);
      if (--known->second == 0) peers.erase(known);
    }
  }
}

void AssignmentBook::erase_if_empty(NodeId node) {
  const auto page = pages_.find(node);
  if (page != pages_.end() && page->second.empty()) pages_.erase(page);
}

const AssignmentBook::Places& AssignmentBook::replicas_of(NodeId node) const {
  static const Places kNone;
  const auto page = pages_.find(node);
  return page == pages_.end() ? kNone : page->second.places;
}

bool AssignmentBook::may_hold(NodeId node, ReplicaId replica) const {
  const auto page = pages_.find(node);
  return page != pages_.end() &&
         (page->second.places.contains(replica) || page->second.leaving.contains(replica));
}

bool AssignmentBook::is_in_use(NodeId node) const {
  return pages_.contains(node);
}

size_t AssignmentBook::workers_in_use() const {
  return pages_.size();
}

const std::map<NodeId, size_t>& AssignmentBook::peers_of(NodeId node) const {
  static const std::map<NodeId, size_t> kNone;
  const auto page = pages_.find(node);
  return page == pages_.end() ? kNone : page->second.peers;
}

uint64_t AssignmentBook::version_of(NodeId node) const {
  const auto version = versions_.find(node);
  return version == versions_.end() ? cleared_ : version->second;
}

}  // namespace vectron
