// WalIndex: what is alive in the log, and in which segment it lies. Pure: no I/O.
//
// Recovery and the running log feed it the same records in the same order, so that it holds the
// same state in both. It answers what a reclaim must rewrite before a segment may go.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "core/wal/wal_types.h"

namespace vectron {

/// Single-threaded. All orders are by id.
class WalIndex {
 public:
  /// Takes a record that lies in `segment`. A relocation states again what is alive: it truncates
  /// nothing and drops no group.
  void apply(const WalBatch& batch, uint64_t segment, bool relocation);
  /// Whether the entries of `batch` leave no gap after what is there. (Not asked at recovery, where
  /// the beginning of a group's log may have been rewritten behind its end.)
  bool can_follow(const WalBatch& batch) const;
  void release(GroupId group, LogIndex up_to);
  void forget_dropped(GroupId group, ReplicaId replica);

  /// Errors: data_loss when a group's entries have a gap (after recovery).
  Result<void> check_contiguous() const;
  std::map<GroupId, WalGroupState> groups() const;
  std::vector<WalDropped> dropped() const;

  /// About the bytes of what is alive in `segment` and would be rewritten.
  uint64_t live_bytes(uint64_t segment) const;
  /// Something alive of `segment` as batches to write again, up to about `bytes_max`; empty when
  /// nothing is alive in it. Applying them as relocations to a newer segment takes them out of it.
  std::vector<WalBatch> relocation(uint64_t segment, size_t bytes_max) const;
  /// The groups with entries in `segment`, by id.
  std::vector<WalPinning> pinning(uint64_t segment) const;

 private:
  struct LiveEntry {
    raft::Entry entry;
    uint64_t segment = 0;
  };
  using Entries = std::map<LogIndex, LiveEntry>;
  struct Group {
    raft::HardState hard_state;
    std::optional<WalMark> mark;
    /// Where the newest record of each lies; 0: none. A release moves the mark ahead of its record;
    /// it then counts as lying in the oldest segment that the released entries lay in, so that
    /// this segment cannot go before the moved mark is written.
    uint64_t hard_state_segment = 0;
    uint64_t mark_segment = 0;
    Entries entries;
  };
  /// A group's items in one segment that are still alive.
  struct Live {
    uint64_t items = 0;
    uint64_t entries = 0;
    uint64_t bytes = 0;
  };

  void apply_mark(GroupId id, Group& group, const WalMark& mark, uint64_t segment);
  void add_live(uint64_t segment, GroupId id, uint64_t bytes, bool is_entry);
  void remove_live(uint64_t segment, GroupId id, uint64_t bytes, bool is_entry);
  void move_state(GroupId id, uint64_t* place, uint64_t segment);
  void put_entry(GroupId id, Group& group, const raft::Entry& entry, uint64_t segment);
  void erase_entries(GroupId id, Group& group, Entries::iterator from, Entries::iterator until);
  void drop_group(GroupId id);

  std::map<GroupId, Group> groups_;
  std::map<WalDropped, uint64_t> dropped_;  // To the segment of the tombstone.
  std::map<uint64_t, std::map<GroupId, Live>> live_;
};

}  // namespace vectron
