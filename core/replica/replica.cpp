#include "core/replica/replica.h"

#include "core/replica/hand_over.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "replica";

const ReplicaMember* find_member(const ReplicaSpec& spec, ReplicaId id) {
  for (const ReplicaMember& member : spec.members) {
    if (member.replica == id) return &member;
  }
  return nullptr;
}

}  // namespace

Replica::Replica(Parts parts, ReplicaConfig config, ReplicaSpec spec,
                 std::unique_ptr<StateMachine> state_machine)
    : parts_(parts),
      config_(std::move(config)),
      spec_(std::move(spec)),
      name_{spec_.group, spec_.self, spec_.node},
      state_machine_(std::move(state_machine)),
      proposals_(parts_.env->scheduler()),
      reads_(parts_.env->scheduler(), parts_.incarnation),
      persist_queue_(parts_.wal, spec_.group),
      persist_queued_(parts_.env->scheduler()),
      applied_changed_(parts_.env->scheduler()),
      hand_over_watch_(config_.election_ticks),
      retention_(2 * config_.election_ticks),
      sender_({.env = parts_.env,
               .links = parts_.links,
               .source = this,
               .retention = &retention_,
               .tasks = &tasks_},
              {.group = spec_.group,
               .self = spec_.self,
               .chunk_bytes_max = config_.snapshot_chunk_bytes_max,
               .chunk_timeout = config_.snapshot_chunk_timeout}),
      receiver_({.env = parts_.env,
                 .state_machine = state_machine_.get(),
                 .is_open = [this] { return serving(); },
                 .folder = spec_.folder,
                 .kv = config_.kv}),
      pump_event_(this),
      tasks_(parts_.env->scheduler()) {
  VECTRON_ASSERT(find_member(spec_, spec_.self) != nullptr, "replica {} is not among its members",
                 spec_.self);
}

Replica::~Replica() = default;

void Replica::tick() {
  if (raft_ == nullptr || !failure_.ok()) return;
  raft_->tick();
  retention_.tick(raft_->status());
  hand_over_when_stalled();
  if (planted_lease_ticks_ > 0) --planted_lease_ticks_;
  pump();
  compact(false);
  stop_when_damaged();
}

// Whoever ran into damage got an error; the replica as a whole must not go on either.
void Replica::stop_when_damaged() {
  if (failure_.ok() && kv_ != nullptr && kv_->damaged()) {
    fail_stop(Status(Code::data_loss, "what this replica has stored is damaged: it is fenced"));
  }
}

// A leader that cannot write keeps its group from working although a quorum may be well. It goes
// on leading until somebody else does: when all disks are full, reads still have a leader.
void Replica::hand_over_when_stalled() {
  hand_over_watch_.tick({.log_waits = !persist_queue_.empty(),
                         .log_position = persist_queue_.first_sequence(),
                         .apply_waits = !apply_queue_.empty() && serving(),
                         .apply_position = applied_index().value()});
  const bool stands_still = hand_over_watch_.is_due(true);
  if (!raft_->is_leader() || !stands_still) return;
  const raft::RaftStatus status = raft_->status();
  if (!hand_over_watch_.is_due(others_can_vote(status))) return;
  const auto successor = hand_over_target(status, hand_over_watch_.attempt());
  if (!successor || raft_->transferring()) return;
  hand_over_watch_.tried();
  const auto handed = raft_->transfer_leadership(*successor);
  VECTRON_ASSERT(handed.has_value(), "{}", handed.error().to_string());
  parts_.env->log().warning(kComponent, "replica {} of group {}: its disk stalls, {} should lead",
                            spec_.self, spec_.group, *successor);
}

void Replica::tell_change() {
  if (parts_.changed != nullptr) parts_.changed->notify_all();
}

void Replica::wake() {
  if (!pump_event_.queued()) parts_.env->scheduler().post(pump_event_);
}

void Replica::pump() {
  size_t apply_bytes_left = kApplyBytesPerTurn;
  pump_within(&apply_bytes_left);
}

void Replica::pump_within(size_t* apply_bytes_left) {
  if (pumping_ || raft_ == nullptr || !failure_.ok()) return;
  pumping_ = true;
  pump_event_.cancel();
  do {
    while (failure_.ok() && raft_->has_ready()) handle_ready(raft_->ready());
    apply_some(apply_bytes_left);
  } while (failure_.ok() && raft_->has_ready());
  pumping_ = false;
}

void Replica::handle_ready(raft::Ready ready) {
  if (ready.soft_state) tell_role(*ready.soft_state);
  if (!ready.persist.empty()) persist(std::move(ready.persist));
  for (raft::Message& message : ready.messages) send(std::move(message));
  for (raft::Entry& entry : ready.committed) apply_queue_.push_back(std::move(entry));
  finish_reads(ready);
  for (const raft::SnapshotRequest& request : ready.snapshots_to_send) {
    const ReplicaMember* to = find_member(spec_, request.to);
    VECTRON_ASSERT(to != nullptr, "a snapshot for a stranger, {}", request.to);
    sender_.send(request, *to);
  }
}

void Replica::tell_role(const raft::SoftState& state) {
  tell_change();
  Metrics& metrics = parts_.env->metrics();
  if (state.role == raft::Role::candidate) metrics.add(Metric::raft_elections_started);
  if (state.leader != ReplicaId()) metrics.add(Metric::raft_leader_changes);
  if (parts_.observer != nullptr) {
    parts_.observer->on_role(name_, raft_->role(), raft_->term(), raft_->leader());
  }
}

void Replica::send(raft::Message message) {
  const ReplicaMember* to = find_member(spec_, message.to);
  VECTRON_ASSERT(to != nullptr, "a message to a stranger, {}", message.to);
  const ReplicaId peer = message.to;
  if (!parts_.links->send(spec_.group, *to, std::move(message))) raft_->report_unreachable(peer);
}

void Replica::observe(const raft::PersistBatch& batch) {
  if (parts_.observer == nullptr) return;
  if (batch.snapshot) parts_.observer->on_snapshot(name_, *batch.snapshot);
  if (!batch.entries.empty()) parts_.observer->on_append(name_, batch.entries);
  if (batch.hard_state) {
    parts_.observer->on_commit(name_, batch.hard_state->term, batch.hard_state->commit_index);
  }
}

void Replica::persist(raft::PersistBatch batch) {
  observe(batch);
  std::optional<WalMark> mark;
  if (batch.snapshot) {
    const SnapshotReceiver::Received* received = receiver_.completed();
    VECTRON_ASSERT(received != nullptr, "a snapshot that was not received");
    mark = WalMark{received->generation, *batch.snapshot, true};
    switching_ = true;
    apply_queue_.clear();
  }
  const auto queued = persist_queue_.push(std::move(batch), std::move(mark));
  if (!queued.has_value()) return fail_stop(queued.error());
  if (*queued) persist_queued_.notify_all();
}

// The one task that changes which store there is: snapshots and reloads come one after the other.
Task<void> Replica::persist_loop() {
  while (true) {
    while (persist_queue_.empty() && !reload_wanted_) {
      co_await persist_queued_.wait();
    }
    Result<void> done;
    if (reload_wanted_) {
      done = co_await reload_state();
    } else {
      done = co_await persist_next();
    }
    if (!done.has_value()) {
      fail_stop(done.error());
      co_return;
    }
    pump();
  }
}

Task<Result<void>> Replica::persist_next() {
  const auto durable = co_await persist_queue_.next_durable();
  VECTRON_CO_CHECK_OK(durable);
  if (durable->snapshot) {
    const auto switched = co_await switch_to_snapshot(*durable->snapshot);
    VECTRON_CO_CHECK_OK(switched);
  }
  raft_->persisted(durable->sequence);
  if (durable->snapshot) raft_->applied_to(durable->snapshot->index);
  co_return Result<void>();
}

Task<void> Replica::flush_loop() {
  const auto ended = co_await overlay_->flush_loop();
  if (!ended.has_value()) fail_stop(ended.error());
}

Result<void> Replica::hand_over() {
  if (!serving() || !raft_->is_leader()) return fail(not_leader());
  if (raft_->transferring()) return {};
  const auto target = hand_over_target(raft_->status());
  if (!target) return fail(Code::unavailable, "no other member can take over");
  VECTRON_CHECK_OK(raft_->transfer_leadership(*target));
  wake();
  return {};
}

void Replica::learn_addresses(const std::vector<ReplicaMember>& members) {
  for (const ReplicaMember& told : members) {
    for (ReplicaMember& member : spec_.members) {
      if (member.replica == told.replica && member.node == told.node) member.address = told.address;
    }
  }
}

void Replica::compact(bool everything) {
  if (raft_ == nullptr || switching_ || !failure_.ok()) return;
  const LogIndex flushed = overlay_->flushed_index();
  LogIndex until = flushed;
  if (!everything) {
    until = compaction_index(config_, {.first_index = raft_->first_index(),
                                       .flushed_index = flushed,
                                       .needed_from = needed_by_followers(),
                                       .bytes = raft_->log().bytes()});
  }
  if (until < raft_->first_index()) return;
  raft_->compact(until);
  parts_.wal->release(spec_.group, until);
}

LogIndex Replica::needed_by_followers() const {
  if (parts_.env->planted("log_waits_for_nobody")) return raft_->last_index() + 1;
  return retention_.needed_from(raft_->status());
}

ReplicaStatus Replica::status() const {
  ReplicaStatus status;
  status.self = spec_.self;
  if (raft_ == nullptr) return status;
  status.is_leader = is_leader();
  status.term = raft_->term();
  const ReplicaMember* leader = find_member(spec_, raft_->leader());
  if (leader != nullptr) status.leader = *leader;
  status.commit_index = raft_->commit_index();
  status.applied_index = applied_index();
  status.last_index = raft_->last_index();
  const auto applied_term = raft_->log().term_at(status.applied_index);
  // With this planted bug a leader appends nothing of its own before the first write.
  const bool has_all =
      applied_term == status.term || parts_.env->planted("commit_old_term_by_count");
  status.leads_with_all = status.is_leader && serving() && has_all;
  return status;
}

ReplicaMemory Replica::memory() const {
  ReplicaMemory memory;
  if (raft_) memory.log = raft_->log().bytes();
  if (overlay_) memory.overlay = overlay_->overlay_bytes();
  if (kv_) memory.keys = kv_->memory_bytes();
  // As it comes, and decoded.
  const size_t receiving = receiver_.active() ? 2 : 0;
  memory.snapshot = (sender_.size() + receiving) * config_.snapshot_chunk_bytes_max;
  return memory;
}

void Replica::fail_stop(Status status) {
  if (!failure_.ok()) return;
  failure_ = std::move(status);
  parts_.env->log().error(kComponent, "replica {} of group {} stops: {}", spec_.self, spec_.group,
                          failure_.to_string());
  if (parts_.observer != nullptr) parts_.observer->on_stop(name_, failure_);
  refuse_waiting();
  tell_change();
}

// Tells all that wait in the replica that it has stopped.
void Replica::refuse_waiting() {
  proposals_.refuse_all(
      Status(Code::unknown_outcome, "the replica stopped: " + failure_.message()));
  reads_.refuse_all(Status(Code::unavailable, "the replica stopped"));
  receiver_.installed(fail(Code::unavailable, "the replica stopped: " + failure_.message()));
  applied_changed_.notify_all();
}

Task<void> Replica::stop(Status why) {
  // A switch to a snapshot is under way in a task that others wait for.
  while (switching_ && failure_.ok()) {
    co_await applied_changed_.wait();
  }
  if (failure_.ok()) {
    failure_ = std::move(why);
    refuse_waiting();
  }
  if (overlay_) {
    // A commit whose task is gone would go on in a folder that is removed.
    const auto still = co_await overlay_->hold_flushes();
    tasks_.cancel_all();
  }
  tasks_.cancel_all();
  pump_event_.cancel();
  sender_.cancel_all();
  persist_queue_.clear();
  apply_queue_.clear();
  // Whoever receives a piece of a snapshot still uses the incoming store.
  const auto turn = co_await receiver_.turn();
  co_await receiver_.drop();
  overlay_.reset();
  if (kv_) {
    co_await kv_->close();
    kv_.reset();
  }
}

}  // namespace vectron
