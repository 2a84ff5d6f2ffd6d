// Raft: one member of one group, as a pure state machine.
//
// It does no I/O, reads no clock, starts nothing. Inputs are calls (tick, step, propose,
// persisted...), output is one value, ready(), which says what to write, send and apply. The
// replica layer owns it and calls it from one executor:
//
//   raft.step(message) / raft.tick() / raft.propose(data) ...
//   while (raft.has_ready()) {
//     Ready ready = raft.ready();  // Raft considers all of it taken care of
//     send(ready.messages);        // at once: what must wait for the disk is not in there
//     wal.write(ready.persist)     // later, in order of sequence: raft.persisted(persist.sequence)
//     apply(ready.committed)       // later: raft.applied_to(last index)
//   }
//
// Several Readies may be under way. A crash loses any suffix of the batches not yet reported;
// nothing else is required. Algorithm: Ongaro, "Consensus: Bridging Theory and Practice" (2014),
// chapters 3, 4.2.3, 6.4, 9.6, 10.2.1; the division into progress states and the rejection hints
// follow etcd's raft. Membership is fixed at construction. docs/internals/raft.md.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/base/result.h"
#include "core/raft/config.h"
#include "core/raft/log.h"
#include "core/raft/message_check.h"
#include "core/raft/persistence.h"
#include "core/raft/progress.h"
#include "core/raft/read_only.h"
#include "core/raft/ready.h"
#include "core/raft/types.h"
#include "core/raft/votes.h"

namespace vectron::raft {

/// A copy of what can be observed, for status pages and tests.
struct RaftStatus {
  ReplicaId self;
  Role role = Role::follower;
  Term term;
  ReplicaId voted_for;
  ReplicaId leader;
  LogIndex commit_index;
  LogIndex applied_index;
  LogIndex persisted_index;
  LogIndex first_index;
  LogIndex last_index;
  size_t log_bytes = 0;
  struct Peer {
    ReplicaId id;
    bool learner = false;
    ProgressState state = ProgressState::probe;
    LogIndex match;
    LogIndex next;
    bool recent_active = false;
    size_t inflight_count = 0;
  };
  /// On a leader only; every member, itself too, by id.
  std::vector<Peer> peers;
};

class Raft {
 public:
  /// Starts a member from what its disk holds. A new group's members all start with a SnapshotMeta
  /// of index 0 that names the same membership, an empty hard state and no entries. Requires:
  /// config.validate(); entries contiguous after the snapshot; applied_index in [snapshot.index,
  /// last index] and hard_state.commit_index not beyond the last index: a replica for which this is
  /// false has lost acknowledged data and must not take part.
  Raft(Config config, HardState hard_state, SnapshotMeta snapshot, std::vector<Entry> entries,
       LogIndex applied_index);

  // Inputs.

  /// One interval of time has passed.
  void tick();

  /// Takes a message of a peer. Messages may be lost, repeated, reordered and late; those that no
  /// right member could have sent are dropped (message_check.h). install_snapshot is stepped by the
  /// replica layer itself when the streamed snapshot is durable here (see accepts_snapshot).
  void step(Message message);

  /// Whether step() would look at the message, and if not why. Errors: check_message().
  Result<void> admits(const Message& message) const;

  /// Campaigns now instead of at the election timeout. Nothing happens at a leader or a learner.
  void campaign();

  /// Appends a command; its index on success. It is committed when ready().committed has this index
  /// with the term that term() has now; another term there means that it was lost. Errors:
  /// unavailable (not the leader: ask leader(); or a transfer is under way), resource_exhausted
  /// (uncommitted_bytes_max or log_bytes_max), unimplemented (kind membership). After an error
  /// nothing was appended.
  Result<LogIndex> propose(Payload data, EntryKind kind = EntryKind::normal);
  Result<LogIndex> propose(Bytes data) { return propose(make_payload(std::move(data))); }

  /// Asks for an index at which a read that begins now is linearizable. The answer comes in
  /// Ready::reads or Ready::dropped_reads, or never when messages are lost (followers): the caller
  /// has a deadline. Requires: request_id is never used again by this replica, not even after a
  /// restart, because a late answer to a forwarded read would be taken for the answer to a new one
  /// (so make it of an incarnation and a counter). Errors: unavailable (no leader known),
  /// resource_exhausted (pending_reads_max).
  Result<void> read_index(uint64_t request_id);

  /// Hands leadership to the voter `to` once its log is complete; given up after election_ticks.
  /// Proposals are refused meanwhile. Errors: unavailable (not the leader), invalid_argument (not
  /// another voter).
  Result<void> transfer_leadership(ReplicaId to);
  /// A transfer is under way.
  bool transferring() const { return bool(transfer_target_); }

  /// The transport could not deliver to `peer`: stop sending optimistically.
  void report_unreachable(ReplicaId peer);
  /// The snapshot asked for by Ready::snapshots_to_send was installed (`ok`) or given up. Must be
  /// called for each request.
  void report_snapshot(ReplicaId peer, bool ok);

  // Outputs.

  bool has_ready() const;
  /// Hands out all that is to be done. Costs O(members + what is handed out).
  Ready ready();

  /// All batches up to `sequence` are durable. Reporting a batch again does nothing.
  void persisted(uint64_t sequence);
  /// The state machine has applied everything up to `index`. Requires: index was handed out
  /// (committed or snapshot).
  void applied_to(LogIndex index);

  /// Forgets entries up to `index`; followers that still need them will be sent a snapshot. An
  /// index that is gone already does nothing. Requires: index <= applied_index().
  void compact(LogIndex index);

  /// True when stepping install_snapshot with `meta` now would replace this member's log
  /// (ready().persist.snapshot is then set). Ask before taking a stream, and again before stepping:
  /// when false, the snapshot is not needed.
  bool accepts_snapshot(const SnapshotMeta& meta) const;

  // State.

  ReplicaId self() const { return config_.self; }
  Role role() const { return role_; }
  bool is_leader() const { return role_ == Role::leader; }
  Term term() const { return term_; }
  ReplicaId voted_for() const { return voted_for_; }
  ReplicaId leader() const { return leader_; }
  LogIndex commit_index() const { return commit_index_; }
  LogIndex applied_index() const { return applied_index_; }
  LogIndex persisted_index() const { return persistence_.persisted_index(); }
  LogIndex first_index() const { return log_.first_index(); }
  LogIndex last_index() const { return log_.last_index(); }
  const Log& log() const { return log_; }
  const Membership& membership() const { return log_.snapshot().membership; }
  RaftStatus status() const;

 private:
  friend struct RaftInvariants;

  // raft.cpp: terms, roles, dispatch.
  void take(Message message);
  bool adopt_newer_term(const Message& message);
  void answer_older_term(Message message);
  void dispatch(Message message);
  void become_follower(Term term, ReplicaId leader);
  void become_pre_candidate();
  void become_candidate();
  void become_leader();
  void reset_for_term(Term term);
  void send(Message message);
  void send_after_persist(Message message);
  bool has_unwritten_state() const;

  // raft_election.cpp
  void tick_follower();
  void tick_leader();
  void start_election(bool transfer);
  void request_votes(MessageKind kind, bool transfer);
  void handle_vote_request(const Message& message);
  void handle_vote_reply(const Message& message);
  void handle_timeout_now();
  bool in_leader_lease() const;
  bool can_grant(const Message& message) const;
  bool quorum_is_active();
  void send_timeout_now();
  void reset_election_timer();

  // raft_replication.cpp
  void append_own(EntryKind kind, Payload data);
  void handle_append(Message message);
  void reject_append(const Message& message);
  void handle_append_reply(const Message& message);
  void handle_rejection(Progress& peer, const Message& message);
  void handle_heartbeat(const Message& message);
  void handle_heartbeat_reply(const Message& message);
  void broadcast_heartbeat();
  void maybe_commit();
  void commit_to(LogIndex index);
  bool wants_append(const Progress& peer) const;
  void replicate_to(Progress& peer);
  void send_append(Progress& peer);
  void request_snapshot(Progress& peer);
  void handle_install_snapshot(Message message);
  bool fits_in_memory(const Message& message) const;

  // raft_read.cpp
  void handle_read_index(const Message& message);
  void handle_read_index_reply(const Message& message);
  void add_read(uint64_t request_id, ReplicaId from);
  void confirm_reads();
  void answer_read(const ReadOnly::Request& request);
  void refuse_read(uint64_t request_id, ReplicaId from);
  void drop_reads();
  bool has_committed_in_term() const { return commit_index_ >= term_start_index_; }

  // raft_ready.cpp
  HardState hard_state() const { return {term_, voted_for_, commit_index_}; }
  bool has_entries_to_apply() const;
  PersistBatch take_batch();
  std::vector<Entry> take_committed();

  Progress* find_peer(ReplicaId id);
  Progress& own_progress();
  bool is_voter() const { return membership().is_voter(config_.self); }
  uint64_t quorum_match() const;

  Config config_;
  RandomStream random_;
  Log log_;
  Persistence persistence_;
  /// Every member, itself too, by id. Kept up by a leader only.
  std::vector<Progress> peers_;
  VoteTally votes_;
  ReadOnly read_only_;

  Role role_ = Role::follower;
  Term term_;
  ReplicaId voted_for_;
  ReplicaId leader_;
  /// On a leader: whom it is handing over to; none otherwise.
  ReplicaId transfer_target_;
  /// On a leader: the index of its noop; commits count from here on.
  LogIndex term_start_index_;
  /// Never falls; never beyond last_index().
  LogIndex commit_index_;
  /// In [applied_index_, commit_index_].
  LogIndex handed_to_apply_;
  LogIndex applied_index_;
  /// Since a leader was heard, or since the last check-quorum on a leader.
  uint32_t election_elapsed_ticks_ = 0;
  /// On a leader.
  uint32_t heartbeat_elapsed_ticks_ = 0;
  /// Drawn for this election.
  uint32_t election_timeout_ticks_ = 0;

  // Output that waits for ready().
  std::vector<Message> outbox_;
  std::vector<ReadState> reads_;
  std::vector<uint64_t> dropped_reads_;
  std::vector<SnapshotRequest> snapshots_to_send_;
  std::optional<SnapshotMeta> snapshot_to_install_;
  HardState handed_hard_state_;
  SoftState handed_soft_state_;
};

}  // namespace vectron::raft
