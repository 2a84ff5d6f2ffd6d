// Replica: one member of a replicated group: raft + the node's log + a store + a state machine.
//
// It joins four parts that know nothing of one another. Everything happens on the node's event
// loop: inputs (proposals, messages, ticks, finished syncs) go into the Raft state machine, and
// pump() carries out what Raft then wants. A write is acknowledged when its entry is durable on a
// quorum and applied here; never before, and without a second sync. Owned by a ReplicaHost.
// docs/internals/replica.md, docs/internals/life_of_a_write.md.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/env/env.h"
#include "core/kv/kv_store.h"
#include "core/raft/raft.h"
#include "core/replica/hand_over_watch.h"
#include "core/replica/log_retention.h"
#include "core/replica/observer.h"
#include "core/replica/overlay.h"
#include "core/replica/persist_queue.h"
#include "core/replica/proposals.h"
#include "core/replica/raft_links.h"
#include "core/replica/read_rounds.h"
#include "core/replica/replica_config.h"
#include "core/replica/snapshot_receiver.h"
#include "core/replica/snapshot_sender.h"
#include "core/replica/state_machine.h"
#include "core/wal/wal.h"

namespace vectron {

/// Who a replica is and where it keeps its state.
struct ReplicaSpec {
  GroupId group;
  ReplicaId self;
  NodeId node;
  /// All voters of the group, itself too, sorted by replica id.
  std::vector<ReplicaMember> members;
  /// "replicas/<replica id>"; generations lie below it.
  std::string folder;
};

/// Counted bytes that a replica keeps in memory.
struct ReplicaMemory {
  /// Entries that are not committed, not applied, or kept for followers.
  uint64_t log = 0;
  /// Applied writes that are not in the store yet.
  uint64_t overlay = 0;
  /// Pieces of snapshots on their way in or out.
  uint64_t snapshot = 0;
  /// Which keys the store holds.
  uint64_t keys = 0;
};

/// A copy of what can be observed.
struct ReplicaStatus {
  ReplicaId self;
  bool is_leader = false;
  Term term;
  /// None while unknown.
  std::optional<ReplicaMember> leader;
  LogIndex commit_index;
  LogIndex applied_index;
  LogIndex last_index;
  /// It leads, and has applied an entry of its own term: so all that was acknowledged before.
  bool leads_with_all = false;
};

class Replica final : private SnapshotSender::Source {
 public:
  /// What a replica uses and does not own; all of it outlives the replica.
  struct Parts {
    Env* env = nullptr;
    Wal* wal = nullptr;
    RaftLinks* links = nullptr;
    /// May be null.
    ReplicaObserver* observer = nullptr;
    /// Makes read request ids differ between starts of the node.
    uint64_t incarnation = 0;
    /// One replica of the node at a time checks what it has stored.
    Semaphore* scrub_turn = nullptr;
    /// Notified when its role, its leader or what it has applied changed. May be null.
    Condition* changed = nullptr;
  };

  Replica(Parts parts, ReplicaConfig config, ReplicaSpec spec,
          std::unique_ptr<StateMachine> state_machine);
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;
  ~Replica() override;

  /// Opens the store of the recovered generation, loads the state machine and starts. Errors:
  /// data_loss: the log ends before what the store has applied, or the store is damaged: this
  /// replica must not vote. All others: `recovered` is as it was, for another Replica to start
  /// with.
  Task<Result<void>> start(WalGroupState* recovered);

  /// Ends the replica for good: what waits in it is refused with `why` (a write with
  /// unknown_outcome), its tasks end and its store is closed, so that the folder may be removed. It
  /// stays an object that refuses everything, for those who still hold it. Nothing of it enters the
  /// write-ahead log after this returned. Must not be called by one of the replica's own tasks.
  Task<void> stop(Status why);

  // Inputs.

  void tick();
  /// Committed entries of so many bytes, and one more, are applied in one turn of the event loop:
  /// of the smallest operations these are some hundreds, which takes a millisecond or two.
  static constexpr size_t kApplyBytesPerTurn = 8 << 10;

  /// Gives Raft the messages that came together over a connection of the node `peer`; what follows
  /// from them happens before it returns, but for entries beyond `apply_bytes_left`, which goes
  /// down and is shared by the groups of one batch: those are applied in turns of their own.
  /// Messages that this node could not have sent as a right member are dropped.
  void step_all(NodeId peer, std::vector<raft::Message> messages, size_t* apply_bytes_left);

  /// Proposes a command and waits until it is applied here. `deadline` is this node's monotonic
  /// time. Errors: unavailable (not the leader, see status().leader), resource_exhausted (a bound
  /// is reached, or the disk is full), aborted (another leader's entry took its place): none of
  /// these happened. unknown_outcome: the deadline passed, or the replica moved on by a snapshot.
  Task<Result<Applied>> propose(Bytes command, Instant deadline);

  /// Waits until a read of the state machine that begins afterwards is linearizable (Ongaro 6.4),
  /// and returns the applied index then. Errors: unavailable (not the leader, or leadership was
  /// lost), deadline_exceeded.
  Task<Result<LogIndex>> read_barrier(Instant deadline);

  /// Takes a piece of a snapshot from the node `peer`; the one that completes it returns when the
  /// snapshot is installed and durable. The value is the offset wanted next. Errors: out_of_range
  /// (another offset is wanted: begin anew), failed_precondition (not needed, or not of a member),
  /// data_loss (wrong checksum).
  Task<Result<uint64_t>> receive_snapshot(NodeId peer, SnapshotPiece piece);

  /// Hands leadership to the member that is furthest (hand_over_target); writes are refused until
  /// that one leads, or until an election timeout has passed. Does nothing while that is under way.
  /// Errors: unavailable (not the leader, or nobody can take over).
  Result<void> hand_over();

  /// Loads the state machine anew from the store, soon, while nothing is applied: it gives back
  /// what it has learnt first, so that it needs no room beside that. Until then the replica is not
  /// serving(), and does not confirm what it logs.
  void reload();
  bool reloading() const { return failure_.ok() && (reload_wanted_ || reloading_); }

  /// Where the members are now: they may have moved since the replica was made. Replicas that are
  /// no members are ignored, and members that are not named stay where they were.
  void learn_addresses(const std::vector<ReplicaMember>& members);

  /// Forgets log entries that the store holds, keeping the tail for lagging followers, or nothing
  /// when `everything`.
  void compact(bool everything);

  // State.

  ReplicaStatus status() const;
  bool is_leader() const { return raft_ && failure_.ok() && raft_->is_leader(); }
  /// False before start() ends and while a snapshot replaces the state, or a reload goes on: reads
  /// must be refused then.
  bool serving() const { return raft_ != nullptr && !switching_ && !reloading_ && failure_.ok(); }
  const ReplicaSpec& spec() const { return spec_; }
  LogIndex applied_index() const { return overlay_ ? overlay_->applied_index() : LogIndex(); }
  /// Brings applied entries into the store soon. Requires: serving().
  void request_flush() { overlay_->request_flush(); }
  /// What the store holds durably.
  LogIndex flushed_index() const { return overlay_ ? overlay_->flushed_index() : LogIndex(); }
  /// The state at applied_index(). Requires: serving(). Do not keep it across an await.
  OverlayStore& store() { return *overlay_; }
  StateMachine& state_machine() { return *state_machine_; }
  /// Bytes of the pages that the store uses on disk; 0 before start() ends.
  uint64_t stored_bytes() const { return kv_ ? kv_->used_bytes() : 0; }
  /// O(1).
  ReplicaMemory memory() const;
  /// Why the replica stopped for good; ok while it runs.
  const Status& failure() const { return failure_; }
  /// Whether it stopped because what it has stored is damaged, or cannot be applied: it is fenced,
  /// the rest of its node is well. Any other failure is one of the disk, and the node must stop.
  bool damaged() const {
    return !failure_.ok() && (cannot_apply_ || (kv_ != nullptr && kv_->damaged()));
  }

  /// A view of the store at its flushed index, which is at least `index_min` (applied entries are
  /// flushed first where needed). Snapshots and backups read through it.
  Task<Result<PinnedStore>> pin(LogIndex index_min) override;

 private:
  class PumpEvent final : public QueuedEvent {
   public:
    explicit PumpEvent(Replica* replica) : replica_(replica) {}

   protected:
    void fire() override { replica_->pump(); }

   private:
    Replica* replica_;
  };

  // replica_door.cpp
  Result<void> check_sender(NodeId peer, ReplicaId from) const;
  Result<void> admit(NodeId peer, const raft::Message& message) const;
  Result<void> admit_snapshot(NodeId peer, const SnapshotPiece& piece) const;
  void note_refused(NodeId peer, const Status& why);

  // replica_start.cpp
  Result<void> check_recovered(const WalGroupState& recovered, const raft::SnapshotMeta& base);
  raft::Config raft_config() const;
  StateHome state_home() const;
  Task<Result<void>> open_store(uint64_t generation);
  void begin_work_on_store();

  // replica.cpp
  void stop_when_damaged();
  void hand_over_when_stalled();
  LogIndex needed_by_followers() const;
  void wake();
  void tell_change();
  void pump();
  void pump_within(size_t* apply_bytes_left);
  void handle_ready(raft::Ready ready);
  void tell_role(const raft::SoftState& state);
  void send(raft::Message message);
  void observe(const raft::PersistBatch& batch);
  void persist(raft::PersistBatch batch);
  Task<void> persist_loop();
  Task<Result<void>> persist_next();
  Task<void> flush_loop();
  void fail_stop(Status status);
  void refuse_waiting();

  // replica_apply.cpp
  void apply_some(size_t* bytes_left);
  Task<void> resume_apply();
  Result<void> apply_entry(const raft::Entry& entry);
  Task<Result<void>> load_state();
  Task<Result<void>> reload_state();

  // replica_requests.cpp
  void start_read_round();
  void finish_reads(const raft::Ready& ready);
  Task<Result<Applied>> wait_for(std::shared_ptr<Proposals::Outcome> outcome);
  Task<Result<LogIndex>> wait_for_read(std::shared_ptr<ReadRounds::Round> round);
  bool holds_planted_lease();
  Status not_leader() const;

  // replica_snapshot.cpp
  raft::SnapshotMeta meta_of(const PinnedStore& pinned) const override;
  void snapshot_ended(ReplicaId to, const Result<void>& outcome) override;
  Task<Result<void>> install_received();
  Task<Result<void>> switch_to_snapshot(raft::SnapshotMeta meta);
  Task<void> end_work_on_store();
  void go_on_after_snapshot(LogIndex index);

  Parts parts_;
  ReplicaConfig config_;
  ReplicaSpec spec_;
  ReplicaName name_;
  std::unique_ptr<StateMachine> state_machine_;
  std::unique_ptr<raft::Raft> raft_;
  uint64_t generation_ = 0;
  std::unique_ptr<KvStore> kv_;
  std::unique_ptr<OverlayStore> overlay_;  // Over kv_.
  Status failure_;
  bool cannot_apply_ = false;  // The state machine does not take what is committed.
  bool switching_ = false;
  bool reload_wanted_ = false;
  bool reloading_ = false;
  bool pumping_ = false;
  bool waiting_for_room_ = false;

  std::deque<raft::Entry> apply_queue_;
  Proposals proposals_;
  ReadRounds reads_;
  PersistQueue persist_queue_;
  Condition persist_queued_;
  Condition applied_changed_;
  HandOverWatch hand_over_watch_;

  /// Planted bug stale_read_after_pause.
  uint32_t planted_lease_ticks_ = 0;
  uint64_t refused_messages_ = 0;

  LogRetention retention_;
  SnapshotSender sender_;
  SnapshotReceiver receiver_;
  TaskGroup::TaskNumber flush_task_ = 0;
  TaskGroup::TaskNumber resume_task_ = 0;
  TaskGroup::TaskNumber scrub_task_ = 0;

  PumpEvent pump_event_;
  TaskGroup tasks_;  // Last: its tasks use everything above.
};

}  // namespace vectron
