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
  /// Takes a record that lies in `segment`. A relocation re-states what is alive (it truncates
  /// nothing). Errors: data_loss when the record cannot follow what came before.
  Result<void> apply(const WalBatch& batch, uint64_t segment, bool relocation);
  void release(GroupId group, LogIndex up_to);
  void forget_dropped(GroupId group, ReplicaId replica);

  /// Errors: data_loss when a group's entries have a gap (after recovery).
  Result<void> check_contiguous() const;
  std::map<GroupId, WalGroupState> groups() const;
  std::vector<WalDropped> dropped() const;

  /// The bytes of what is alive in `segment` and would be rewritten.
  uint64_t live_bytes(uint64_t segment) const;
  /// Something alive of `segment` as batches to write again, up to about `bytes_max`; empty when
  /// nothing is alive in it. Applying them as relocations to a newer segment empties `segment`.
  std::vector<WalBatch> relocation(uint64_t segment, size_t bytes_max) const;
  /// The groups with entries in `segment`.
  std::vector<WalPinning> pinning(uint64_t segment) const;
  /// Forgets `segment`, whose file is removed. Requires: nothing is alive in it.
  void forget_segment(uint64_t segment);

 private:
  struct LiveEntry {
    raft::Entry entry;
    uint64_t segment = 0;
  };
  struct Group {
    raft::HardState hard_state;
    std::optional<WalMark> mark;
    /// Where the newest record of each lies; 0: none. A release moves the mark ahead of its record,
    /// which then counts as lying where the released entries lay: they may not go before it is
    /// written.
    uint64_t hard_state_segment = 0;
    uint64_t mark_segment = 0;
    std::map<LogIndex, LiveEntry> entries;
  };
  /// What of a group is alive in one segment.
  struct Live {
    uint64_t entries = 0;
    uint64_t bytes = 0;
  };

  void move_state(GroupId id, uint64_t* place, uint64_t segment);
  void add_entry(GroupId id, Group& group, const raft::Entry& entry, uint64_t segment);
  void erase_entries(GroupId id, Group& group, std::map<LogIndex, LiveEntry>::iterator from,
                     std::map<LogIndex, LiveEntry>::iterator until);
  void drop_group(GroupId id);

  std::map<GroupId, Group> groups_;
  std::map<WalDropped, uint64_t> dropped_;  // To the segment of the tombstone.
  std::map<uint64_t, std::map<GroupId, Live>> live_;
};

}  // namespace vectron
