// The values of the write-ahead log: what goes in, and what recovery gives back.
//
// Plain data. Payloads of entries are shared with raft (raft::Payload), never copied in memory.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/raft/types.h"

namespace vectron {

/// Where a group's log starts, and which generation folder holds the state machine.
struct WalMark {
  /// The replica's folder generation; a snapshot install switches it.
  uint64_t generation = 0;
  /// The log's base: entries up to meta.index are not in the log (any more).
  raft::SnapshotMeta meta;
  /// True at a snapshot install: the whole old log is void, the entries after meta.index too.
  /// False at bootstrap and compaction: entries after meta.index stay.
  bool replaces_log = false;

  bool operator==(const WalMark&) const = default;
};

/// One atomic record of one group: after a crash all of it is there, or nothing of it. Applied in
/// the order mark, hard state, entries.
struct WalBatch {
  GroupId group;
  std::optional<raft::HardState> hard_state;
  /// Contiguous. They replace whatever the log holds from entries[0].index on, and begin at or
  /// before the index after its last one.
  std::vector<raft::Entry> entries;
  std::optional<WalMark> mark;
  /// The group's replica is dropped: nothing of the group before this record counts any more, and
  /// the other fields must be empty. The group may come back later, as another replica. The
  /// tombstone is kept (and recovered) until Wal::forget_dropped.
  std::optional<ReplicaId> dropped_replica;

  /// Bytes that the limits of the queue count for this batch.
  size_t cost_bytes() const;
};

/// One group as recovered.
struct WalGroupState {
  raft::HardState hard_state;
  /// The newest mark, its base moved on by compaction; none when the group never wrote one.
  std::optional<WalMark> mark;
  /// Contiguous, from mark.meta.index + 1 (or 1) on.
  std::vector<raft::Entry> entries;
};

/// A replica whose folder must still be removed: then call Wal::forget_dropped.
struct WalDropped {
  GroupId group;
  ReplicaId replica;
  auto operator<=>(const WalDropped&) const = default;
};

/// A group that keeps the oldest segment from being reclaimed.
struct WalPinning {
  GroupId group;
  /// Its first entry that was not released.
  LogIndex oldest_needed;
  /// The group's live bytes in the oldest segment.
  uint64_t live_bytes = 0;
};

/// Settings of a node's log.
struct WalConfig {
  /// Written into each segment; a log of another cluster or node is refused.
  ClusterId cluster;
  NodeId node;
  /// A segment that has reached this size gets no further write. One write may overshoot it.
  uint64_t segment_bytes_max = uint64_t{64} << 20;
  /// Bytes that append() may have waiting for the disk; above, append() ends with
  /// resource_exhausted. One batch may overshoot it.
  size_t queue_bytes_max = size_t{64} << 20;
  /// About how much one write (and one sync) takes from the queue.
  size_t write_bytes_max = size_t{8} << 20;
  /// Above this over_retention() is true, and the groups of groups_pinning() must compact.
  uint64_t retention_bytes_max = uint64_t{1} << 30;
  /// Zeros that a small write puts behind its records when it reaches beyond those that are there,
  /// so that most writes change neither the size nor the blocks of the file: their sync is one
  /// write and no entry in the file system's journal. 0: none.
  uint64_t prefill_bytes = uint64_t{1} << 20;
  /// Space that is kept of the disk for small records (votes, the entries of elections) when it is
  /// full: a file of zeros that becomes the next segment then. 0: nothing is kept.
  uint64_t reserve_bytes = uint64_t{1} << 20;
  /// The pause before a write is tried again when the disk was full.
  Duration full_pause = std::chrono::milliseconds(200);

  /// Errors: invalid_argument, naming the field.
  Result<void> validate() const;
};

}  // namespace vectron
