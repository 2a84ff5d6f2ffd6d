// What a leader knows of one member's log, and how fast it may send to it.
//
// Owned by the leader's Raft, one for each member (itself too); meaningless on a follower. The
// three states and their transitions follow etcd's raft: probe (one message at a time until the
// logs' common point is found), replicate (optimistic, within a window), snapshot (nothing is sent
// until the snapshot has arrived).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/raft/types.h"

namespace vectron::raft {

/// The append messages with entries on the way to one follower: a window bounded in messages and in
/// bytes.
class Inflights {
 public:
  struct Limits {
    size_t messages_max = 1;
    size_t bytes_max = 1;
  };
  explicit Inflights(Limits limits) : limits_(limits) {}

  bool full() const {
    return count() >= limits_.messages_max || (count() > 0 && bytes_ >= limits_.bytes_max);
  }
  size_t count() const { return sent_.size() - head_; }
  size_t bytes() const { return bytes_; }
  /// Requires: not full, and `last` above the last of every message in the window.
  void add(LogIndex last, size_t bytes);
  /// Frees all messages whose last entry is at or before `through`. Amortised O(1) a message.
  void acknowledge(LogIndex through);
  void clear();

 private:
  struct Sent {
    LogIndex last;
    size_t bytes;
  };
  Limits limits_;
  /// A queue: live from head_ on.
  std::vector<Sent> sent_;
  size_t head_ = 0;
  size_t bytes_ = 0;
};

enum class ProgressState : uint8_t { probe = 0, replicate = 1, snapshot = 2 };
std::string_view to_string(ProgressState state);

struct Progress {
  Progress(ReplicaId id, bool learner, Inflights::Limits limits)
      : id(id), learner(learner), inflights(limits) {}

  ReplicaId id;
  bool learner = false;
  ProgressState state = ProgressState::probe;
  /// Durable at the member and equal to ours; only grows within a term.
  LogIndex match;
  /// The next index to send. Always above match.
  LogIndex next{1};
  /// The highest commit index told to it.
  LogIndex sent_commit;
  /// State snapshot: the least index that the snapshot under way has.
  LogIndex pending_snapshot;
  /// The highest read round that it has echoed.
  uint64_t read_round = 0;
  /// Heard from since the last check-quorum.
  bool recent_active = false;
  /// State probe: one message is out, wait for its reply or for a heartbeat's.
  bool paused = false;
  /// A heartbeat's reply showed it behind: send one append even if the window is full.
  bool append_due = false;
  Inflights inflights;

  void become_probe();
  void become_replicate();
  void become_snapshot(LogIndex index);

  /// Takes a success reply up to `index`; true when match advanced.
  bool acknowledge(LogIndex index);

  /// Takes a rejection of an append after `rejected`, whose sender suggests to go on after `hint`.
  /// False when the reply is stale (reordered or repeated), and nothing changes.
  bool reject(LogIndex rejected, LogIndex hint);

  /// Notes an append with entries up to `last`. Requires: state probe or replicate, and last >=
  /// next.
  void sent_entries(LogIndex last, size_t bytes);
};

}  // namespace vectron::raft
