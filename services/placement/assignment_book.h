// AssignmentBook: who shall hold which replica, indexed by worker.
//
// A part of PlacementState, which keeps it up as it applies commands and as it loads: all of it
// follows from the collections on record and from those that are removed. Pure.
#pragma once

#include <map>
#include <set>

#include "core/base/ids.h"
#include "schemas/storage_messages.h"

namespace vectron {

class AssignmentBook {
 public:
  /// Where a replica is on record.
  struct Place {
    CollectionId collection;
    /// In the order of its record.
    size_t shard = 0;
    /// Likewise.
    size_t replica = 0;
    bool operator==(const Place&) const = default;
  };
  using Places = std::map<ReplicaId, Place>;

  // Records that are read from a store may contradict each other: add(), remember_removed() and
  // what only reads take any. All else requires a book that agrees with the records
  // (placement_invariants.h).

  /// Nothing is on record. Versions go on.
  void clear();
  /// `collection` is on record from now on.
  void add(const stored::CollectionRecord& collection);
  /// `collection` is removed, and workers may still hold copies. Requires: it was added.
  void remove(const stored::CollectionRecord& collection);
  /// A removed collection was read from the store.
  void remember_removed(const stored::CollectionRecord& collection);
  /// No worker holds anything of a removed collection. Requires: it is one.
  void forget_removed(const stored::CollectionRecord& collection);
  /// `replica`, which is one of unmade(), is made.
  void note_made(ReplicaId replica);
  /// What is on record of `node` itself, its address above all, is another one.
  void note_worker(NodeId node);
  /// `node`, which is not in use, is not on record any more.
  void forget_worker(NodeId node);

  /// All that `node` shall hold.
  const Places& replicas_of(NodeId node) const;
  /// Whether `node` shall hold `replica`, or may hold it because it is not known to be dropped.
  bool may_hold(NodeId node, ReplicaId replica) const;
  /// Whether `node` holds copies, or may hold some of removed collections.
  bool is_in_use(NodeId node) const;
  /// The workers with which `node` shares shards, itself among them, and how many each.
  const std::map<NodeId, size_t>& peers_of(NodeId node) const;
  /// Replicas that are not known to be made yet, and where they shall be.
  const std::map<ReplicaId, NodeId>& unmade() const { return unmade_; }
  /// Of all collections that are not removed.
  size_t replica_count() const { return replica_count_; }
  /// Changes whenever the assignments of `node` do. No value comes twice while the process lives,
  /// and the values say nothing to another process.
  uint64_t version_of(NodeId node) const;
  /// The workers that hold copies, or may hold some of removed collections.
  size_t workers_in_use() const;

 private:
  struct Page {
    Places places;
    std::set<ReplicaId> leaving;  // Of removed collections.
    std::map<NodeId, size_t> peers;
    bool empty() const { return places.empty() && leaving.empty(); }
  };
  void share(const stored::ShardRecord& shard, bool shared);
  void touch(NodeId node) { versions_[node] = ++version_; }
  void erase_if_empty(NodeId node);

  std::map<NodeId, Page> pages_;
  std::map<ReplicaId, NodeId> unmade_;
  size_t replica_count_ = 0;
  std::map<NodeId, uint64_t> versions_;  // Of those that changed since clear().
  uint64_t version_ = 0;
  uint64_t cleared_ = 0;  // The version at clear().
};

}  // namespace vectron
