// ReplicaObserver: what a watcher outside the system sees of every replica.
//
// Only the simulation has one (its oracles judge by it); production passes none. Calls happen on
// the node's event loop, synchronously, in the order in which things happen on that node. An
// observer never changes anything.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/raft/types.h"

namespace vectron {

/// Which replica speaks.
struct ReplicaName {
  GroupId group;
  ReplicaId replica;
  NodeId node;
  auto operator<=>(const ReplicaName&) const = default;
};

/// What became of the index of a shard replica.
enum class IndexEvent : uint8_t {
  /// Loaded from the store's points alone.
  learnt,
  /// Loaded with the graph of a checkpoint.
  restored,
  /// A checkpoint was there and could not be used.
  refused,
  /// A new one without tombstones took its place.
  rebuilt,
  /// A checkpoint of it is durable.
  checkpointed,
  /// What no walk led to was given links, and nothing was linked meanwhile.
  mended,
};

inline constexpr size_t kIndexEvents = static_cast<size_t>(IndexEvent::mended) + 1;

constexpr std::string_view index_event_name(IndexEvent event) {
  constexpr std::array<std::string_view, kIndexEvents> kNames = {
      "learnt", "restored", "refused", "rebuilt", "checkpointed", "mended"};
  return kNames[static_cast<size_t>(event)];
}

/// The lowest level of an index's graph and what is to be found in it, for an observer that walks
/// over it itself. Slots are those of the index.
struct GraphSight {
  static constexpr uint32_t kNone = UINT32_MAX;

  /// How its vectors are compared.
  bool by_inner_product = false;
  uint32_t dimension = 0;
  /// Where walks begin.
  uint32_t entry = kNone;
  /// By slot.
  std::vector<std::vector<uint32_t>> links;
  /// By slot, the node at which it is found: itself, or one with the same vector.
  std::vector<uint32_t> found_at;
  /// Slots of points that are there.
  std::vector<uint32_t> live;
};

/// What the placement driver wants of a node, as of a revision of its state.
struct PlacementOrder {
  /// Of the state. Revisions of another one cannot be compared.
  uint64_t lineage = 0;
  uint64_t revision = 0;
};

class ReplicaObserver {
 public:
  virtual ~ReplicaObserver() = default;

  /// A replica starts from what its disk holds: `snapshot` is where its log starts, `entries`
  /// follow it.
  virtual void on_start(const ReplicaName& name, const raft::HardState& hard_state,
                        const raft::SnapshotMeta& snapshot, std::span<const raft::Entry> entries,
                        LogIndex applied_index) = 0;
  /// Role, term or leader changed.
  virtual void on_role(const ReplicaName& name, raft::Role role, Term term, ReplicaId leader) = 0;
  /// Entries were handed to the write-ahead log; those that stood at or after the first of them are
  /// gone.
  virtual void on_append(const ReplicaName& name, std::span<const raft::Entry> entries) = 0;
  /// A snapshot replaced the log; the state machine now stands at `snapshot.index`.
  virtual void on_snapshot(const ReplicaName& name, const raft::SnapshotMeta& snapshot) = 0;
  virtual void on_commit(const ReplicaName& name, Term term, LogIndex commit_index) = 0;
  /// It takes no part any more, for this reason (damage, an error of the disk), until its node
  /// starts again.
  virtual void on_stop(const ReplicaName& name, const Status& status) { (void)name, (void)status; }
  /// One entry was applied; `digest` is that of the whole state after it.
  virtual void on_apply(const ReplicaName& name, const raft::Entry& entry, uint64_t digest) = 0;
  /// The node begins to carry out an order.
  virtual void on_order(NodeId node, const PlacementOrder& order) = 0;
  /// The replica is made out of nothing: its birth begins.
  virtual void on_birth(const ReplicaName& name) = 0;
  /// The replica was told to be gone for ever: it stops and takes no part any more.
  virtual void on_dropped(const ReplicaName& name) = 0;
  /// Something happened to the index of a shard, which stands at `applied_index`; `coverage` sums
  /// up the points that it holds (services/worker/shard_content.h; refused: 0).
  virtual void on_index(const ReplicaName& name, IndexEvent event, LogIndex applied_index,
                        uint64_t coverage, const GraphSight& graph) = 0;
};

}  // namespace vectron
