// PersistQueue: what Raft wants durable, on its way into the node's write-ahead log.
//
// Records enter the log in Raft's order: at once where the log has room, else when those before
// them have entered. They are taken from the queue in the same order, each only when it is durable:
// what Raft is told afterwards (Raft::persisted) it may promise to others. Owned by a Replica,
// lives on its event loop.
#pragma once

#include <deque>
#include <optional>

#include "core/async/task.h"
#include "core/raft/ready.h"
#include "core/wal/wal.h"

namespace vectron {

class PersistQueue {
 public:
  /// A record that is durable.
  struct Durable {
    /// For Raft::persisted.
    uint64_t sequence = 0;
    /// The snapshot that replaced the log by this record.
    std::optional<raft::SnapshotMeta> snapshot;
  };

  /// `wal` outlives the queue.
  PersistQueue(Wal* wal, GroupId group) : wal_(wal), group_(group) {}

  /// Takes the batch; returns whether there is a record of it to wait for. A commit index alone is
  /// no reason to touch the disk: it is only a hint at a restart, and goes with the next record.
  /// `mark` is that of the batch's snapshot. Errors: those of Wal::append; nothing is queued then.
  Result<bool> push(raft::PersistBatch batch, std::optional<WalMark> mark);

  bool empty() const { return records_.empty(); }
  size_t size() const { return records_.size(); }
  /// Of the oldest record; 0 when there is none.
  uint64_t first_sequence() const { return empty() ? 0 : records_.front().done.sequence; }

  /// Waits until the oldest record is durable, and takes it out. Requires: not empty; one call at a
  /// time. Errors: those of the log; the queue must not be used any more.
  Task<Result<Durable>> next_durable();
  /// Forgets what waits. What has entered the log is written all the same.
  void clear() { records_.clear(); }

 private:
  struct Record {
    Durable done;
    WalBatch batch;    // Empty once it is in the log.
    WalTicket ticket;  // None while the log has no room for it.
  };

  Result<void> put_into_log(Record* record);

  Wal* wal_;
  GroupId group_;
  std::optional<raft::HardState> unsaved_hard_state_;
  std::deque<Record> records_;
};

}  // namespace vectron
