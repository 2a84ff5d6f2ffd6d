// What a Raft member wants done: the output of Raft::ready(), consumed by the replica layer.
//
// Values only. The parts are independent: the receiver may start the disk write, send the messages
// and queue the committed entries in any order and go on calling Raft meanwhile. Raft itself holds
// back each message that must not be seen before something is durable, so every message in a Ready
// may be sent at once.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/raft/types.h"

namespace vectron::raft {

/// What the write-ahead log must write, in this order: snapshot, then entries, then hard state; all
/// or none of it is durable once `Raft::persisted(sequence)` is called. Numbered batches become
/// durable in order of their numbers.
///
/// What waits inside Raft for persisted(): votes and vote requests (for the hard state), successful
/// append replies (for entries and term), and the leader's own vote for its entries in the commit
/// quorum. What does not wait: the leader's appends, which travel while its own disk writes
/// (dissertation 10.2.1), heartbeats, rejections.
struct PersistBatch {
  /// 1, 2, 3... when this must be synced and then reported by persisted(). 0 when there is nothing,
  /// or only a commit index, which is written without a sync (or not at all) and not reported.
  uint64_t sequence = 0;
  /// Switch to this snapshot, which the caller had made durable before it stepped install_snapshot:
  /// the log is empty after it; older entries, and any beyond its index, are void. The state
  /// machine switches too, then calls applied_to(index).
  std::optional<SnapshotMeta> snapshot;
  /// To be stored; entries that the log holds from entries.front().index on are replaced
  /// (truncation is implied).
  std::vector<Entry> entries;
  std::optional<HardState> hard_state;

  bool must_sync() const { return sequence != 0; }
  bool empty() const { return sequence == 0 && !hard_state; }
};

/// For the caller's routing and metrics; not to be persisted.
struct SoftState {
  Role role = Role::follower;
  /// None (zero) when unknown.
  ReplicaId leader;

  bool operator==(const SoftState&) const = default;
};

/// The answer to read_index(request_id): a state machine that has applied `index` serves the read
/// linearizably.
struct ReadState {
  uint64_t request_id = 0;
  LogIndex index;
};

/// Asks the replica layer to stream a snapshot to `to` on a bulk connection, and to call
/// report_snapshot(to, ...) once it has arrived or failed. Any snapshot of this replica's applied
/// state will do, as long as its index is at least `index_min`. A leader whose own state machine
/// still switches to a snapshot has none yet: it waits, or reports false.
struct SnapshotRequest {
  ReplicaId to;
  LogIndex index_min;
  /// For Message::term of the install_snapshot that the receiver steps.
  Term term;
};

struct Ready {
  /// Set when role or leader changed.
  std::optional<SoftState> soft_state;
  PersistBatch persist;
  std::vector<Message> messages;
  /// Committed and durable here; to be applied in order, after persist.snapshot, then reported by
  /// applied_to().
  std::vector<Entry> committed;
  std::vector<ReadState> reads;
  /// Requests that will not be answered: leadership was lost. Ask again.
  std::vector<uint64_t> dropped_reads;
  std::vector<SnapshotRequest> snapshots_to_send;
};

}  // namespace vectron::raft
