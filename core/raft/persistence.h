// What one member has handed to its disk, what of it is durable, and the messages that wait for it.
//
// Disk writes are asynchronous: several batches may be under way while Raft goes on. Each batch
// claims "the log as it is now is durable up to here". When entries are replaced, the claims of
// batches under way shrink to what remains true, so a late completion never counts entries that are
// gone, even if equal ones come back later (batch 1 writes 7@2, batch 2 cuts it off, batch 3 writes
// 7@2 again: the end of batch 1 says nothing about 7). Owned by Raft.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "core/raft/types.h"

namespace vectron::raft {

class Persistence {
 public:
  /// Everything up to `persisted_index` came from the disk.
  explicit Persistence(LogIndex persisted_index)
      : persisted_index_(persisted_index), next_to_write_(persisted_index + 1) {}

  /// The log is durable up to here, and no write under way will undo that.
  LogIndex persisted_index() const { return persisted_index_; }
  /// The first index not yet handed out.
  LogIndex next_to_write() const { return next_to_write_; }
  uint64_t last_sequence() const { return last_sequence_; }
  uint64_t persisted_sequence() const { return persisted_sequence_; }
  size_t batches_in_flight() const { return batches_.size(); }
  size_t held_count() const { return held_.size(); }

  /// Entries from `first` on are new: whatever was written at or after it is void.
  void entries_changed(LogIndex first);
  /// The log was replaced by a snapshot; of the old log only what was committed, up to
  /// `durable_max`, stays true.
  struct Restored {
    LogIndex durable_max;
    LogIndex snapshot_index;
  };
  void log_restored(Restored restored);

  /// Numbers a batch that holds everything up to `last_index`.
  uint64_t begin_batch(LogIndex last_index);

  /// Holds `message` until all that is handed out is durable, and, if `dirty`, also the batch that
  /// comes next.
  void hold(Message message, bool dirty);
  /// True when a message that depends on all state so far could go now.
  bool all_durable(bool dirty) const { return !dirty && batches_.empty(); }

  /// All batches up to `sequence` are durable; returns the messages that waited for them, oldest
  /// first. Requires: sequence was given out. Reporting a batch again changes nothing.
  std::vector<Message> complete(uint64_t sequence);

  /// Drops held messages of terms other than `term`: nobody may use them any more.
  void drop_held_except(Term term);

 private:
  struct InFlight {
    uint64_t sequence;
    /// The current log is durable up to here once the batch is; zero claims nothing.
    LogIndex claim;
  };
  struct Held {
    uint64_t wait_sequence;
    Message message;
  };
  bool merge_into_last_held(const Message& message, uint64_t wait_sequence);

  LogIndex persisted_index_;
  LogIndex next_to_write_;
  uint64_t last_sequence_ = 0;
  uint64_t persisted_sequence_ = 0;
  std::deque<InFlight> batches_;
  /// wait_sequence never falls.
  std::deque<Held> held_;
};

}  // namespace vectron::raft
