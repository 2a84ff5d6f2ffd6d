#include "core/replica/replica.h"

#include <algorithm>

#include "core/raft/message_check.h"
#include "core/replica/hand_over.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "replica";
constexpr uint64_t kScrubSlices = 20;            // A second.
constexpr uint64_t kScrubBytesMax = 256 * 1024;  // Of one: no commit begins meanwhile.

raft::Membership membership_of(const std::vector<ReplicaMember>& members) {
  raft::Membership membership;
  for (const ReplicaMember& member : members) membership.voters.push_back(member.replica);
  std::sort(membership.voters.begin(), membership.voters.end());
  return membership;
}

const ReplicaMember* find_member(const ReplicaSpec& spec, ReplicaId id) {
  for (const ReplicaMember& member : spec.members) {
    if (member.replica == id) return &member;
  }
  return nullptr;
}

// What raft takes for granted of its own log is asked of the disk: damage there is this replica's
// loss, and no reason for the process to end.
bool is_log_after(const raft::SnapshotMeta& base, const WalGroupState& recovered) {
  LogIndex index = base.index;
  Term term = base.term;
  for (const raft::Entry& entry : recovered.entries) {
    if (entry.index != index + 1 || entry.term < term) return false;
    index = entry.index;
    term = entry.term;
  }
  return term <= recovered.hard_state.term;
}

}  // namespace

Replica::Replica(Parts parts, ReplicaConfig config, ReplicaSpec spec,
                 std::unique_ptr<StateMachine> state_machine)
    : parts_(parts),
      config_(std::move(config)),
      spec_(std::move(spec)),
      name_{spec_.group, spec_.self, spec_.node},
      state_machine_(std::move(state_machine)),
      persist_queued_(parts_.env->scheduler()),
      applied_changed_(parts_.env->scheduler()),
      retention_(2 * config_.election_ticks),
      incoming_turn_(parts_.env->scheduler(), 1),
      pump_event_(this),
      tasks_(parts_.env->scheduler()) {
  VECTRON_ASSERT(find_member(spec_, spec_.self) != nullptr, "replica {} is not among its members",
                 spec_.self);
}

Replica::~Replica() = default;

std::string Replica::generation_folder(uint64_t generation) const {
  return fmt::format("{}/generation-{}", spec_.folder, generation);
}

StateHome Replica::state_home() const {
  return {.name = name_, .folder = spec_.folder, .generation = generation_};
}

raft::Config Replica::raft_config() const {
  Env& env = *parts_.env;
  raft::Config config;
  config.self = spec_.self;
  config.election_ticks = config_.election_ticks;
  config.heartbeat_ticks = config_.heartbeat_ticks;
  config.append_bytes_max = config_.append_bytes_max;
  config.inflight_bytes_max = kInflightBytesMax;
  config.uncommitted_bytes_max = config_.uncommitted_bytes_max;
  config.log_bytes_max =
      std::max(config.log_bytes_max,
               config_.uncommitted_bytes_max +
                   std::max(config_.log_bytes_kept_max, config_.log_bytes_waiting_max));
  config.random_seed = env.random(fmt::format("raft-{}", spec_.self)).next();
  config.planted.commit_old_term_by_count = env.planted("commit_old_term_by_count");
  // Groups with the high ids of services get theirs: without it no cluster would come up.
  const bool of_a_shard = spec_.group.value() >> 62 == 0;
  config.planted.skip_noop = config.planted.commit_old_term_by_count && of_a_shard;
  config.planted.ack_before_quorum = env.planted("ack_before_quorum");
  config.planted.read_index_without_quorum = env.planted("read_without_quorum");
  // A leader that never asks whether it still leads does not step down either.
  config.check_quorum = !config.planted.read_index_without_quorum;
  config.planted.vote_twice = env.planted("vote_twice");
  config.planted.vote_without_log_check = env.planted("vote_without_log_check");
  config.planted.campaign_before_persist = env.planted("campaign_before_persist");
  config.planted.ack_before_persist = env.planted("ack_before_persist");
  config.planted.truncate_on_any_append = env.planted("truncate_on_any_append");
  config.planted.append_without_previous_check = env.planted("append_without_previous_check");
  return config;
}

Result<void> Replica::check_recovered(const WalGroupState& recovered,
                                      const raft::SnapshotMeta& base) {
  const LogIndex last = recovered.entries.empty() ? base.index : recovered.entries.back().index;
  const LogIndex applied = overlay_->applied_index();
  // Earlier versions took such a term from whoever sent it. No election would have one above it.
  if (recovered.hard_state.term.value() > raft::kTermMax) {
    return fail(Code::data_loss,
                fmt::format("replica {} has logged term {}, which no group ever reaches: its log "
                            "is damaged or was forged, so it must not vote",
                            spec_.self, recovered.hard_state.term));
  }
  if (applied > last || recovered.hard_state.commit_index > last || applied < base.index) {
    return fail(
        Code::data_loss,
        fmt::format("replica {} has applied up to {} and its log has [{}, {}] with commit "
                    "index {}: acknowledged entries are gone, so it must not vote",
                    spec_.self, applied, base.index, last, recovered.hard_state.commit_index));
  }
  if (!is_log_after(base, recovered)) {
    return fail(Code::data_loss,
                fmt::format("the entries that replica {} has logged do not follow one another, or "
                            "not its snapshot at {}: its log is damaged, so it must not vote",
                            spec_.self, base.index));
  }
  return {};
}

Task<Result<void>> Replica::open_store(uint64_t generation) {
  // The log names this store, so it was made, whole and durable.
  const std::string folder = generation_folder(generation);
  auto opened = co_await KvStore::open_existing(parts_.env, folder, config_.kv);
  if (!opened.has_value() && opened.error().code() == Code::not_found) {
    co_return fail(Code::data_loss,
                   fmt::format("the store in {} is gone: {}", parts_.env->disk().whole_path(folder),
                               opened.error().message()));
  }
  VECTRON_CO_TRY(kv_, opened);
  auto overlay = OverlayStore::open(parts_.env, kv_.get(), config_.overlay);
  VECTRON_CO_TRY(overlay_, overlay);
  generation_ = generation;
  auto loaded = co_await state_machine_->load(overlay_.get(), state_home());
  co_return loaded;
}

Task<Result<void>> Replica::start(WalGroupState* state) {
  VECTRON_ASSERT(raft_ == nullptr, "a replica starts once");
  if (!state->mark) {
    co_return fail(Code::data_loss, fmt::format("replica {} has no birth in the log", spec_.self));
  }
  auto opened = co_await open_store(state->mark->generation);
  VECTRON_CO_CHECK_OK(opened);
  raft::SnapshotMeta base = state->mark->meta;
  if (base.membership.voters.empty()) base.membership = membership_of(spec_.members);
  auto checked = check_recovered(*state, base);
  VECTRON_CO_CHECK_OK(checked);
  const auto cleaned = co_await remove_other_generations();
  VECTRON_CO_CHECK_OK(cleaned);
  // Nothing fails from here on: what another try would need may be taken.
  WalGroupState recovered = std::move(*state);
  const LogIndex applied = overlay_->applied_index();
  if (parts_.observer != nullptr) {
    parts_.observer->on_start(name_, recovered.hard_state, base, recovered.entries, applied);
  }
  overlay_->set_durable_index(applied);
  raft_ = std::make_unique<raft::Raft>(raft_config(), recovered.hard_state, base,
                                       std::move(recovered.entries), applied);
  tasks_.spawn(persist_loop());
  flush_task_ = tasks_.spawn(flush_loop());
  scrub_task_ = tasks_.spawn(scrub_loop());
  // A group of one needs nobody's vote: do not wait for an election timeout.
  if (spec_.members.size() == 1) raft_->campaign();
  wake();
  co_return Result<void>();
}

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
  const bool log_waits = !persist_queue_.empty();
  log_stall_.tick(log_waits, log_waits ? persist_queue_.front().sequence : 0);
  apply_stall_.tick(!apply_queue_.empty() && serving(), applied_index().value());
  if (hand_over_pause_ticks_ > 0) --hand_over_pause_ticks_;
  if (!raft_->is_leader() || hand_over_pause_ticks_ > 0) return;
  const bool log_stalls = log_stall_.stalled_ticks() >= config_.election_ticks;
  const bool apply_stalls = apply_stall_.stalled_ticks() >= config_.election_ticks;
  if (log_stalls ? !others_go_on(raft_->status()) : !apply_stalls) return;
  const auto successor = hand_over_target(raft_->status(), hand_over_attempts_);
  if (!successor || raft_->transferring()) return;
  // A try is given up after election_ticks, and asking again would put off the check of the quorum.
  hand_over_pause_ticks_ = 2 * config_.election_ticks;
  ++hand_over_attempts_;
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
  if (ready.soft_state) {
    tell_change();
    Metrics& metrics = parts_.env->metrics();
    if (ready.soft_state->role == raft::Role::candidate)
      metrics.add(Metric::raft_elections_started);
    if (ready.soft_state->leader != ReplicaId()) metrics.add(Metric::raft_leader_changes);
    if (parts_.observer != nullptr) {
      parts_.observer->on_role(name_, raft_->role(), raft_->term(), raft_->leader());
    }
  }
  if (!ready.persist.empty()) persist(std::move(ready.persist));
  for (raft::Message& message : ready.messages) {
    const ReplicaMember* to = find_member(spec_, message.to);
    VECTRON_ASSERT(to != nullptr, "a message to a stranger, {}", message.to);
    const ReplicaId peer = message.to;
    if (!parts_.links->send(spec_.group, *to, std::move(message))) raft_->report_unreachable(peer);
  }
  for (raft::Entry& entry : ready.committed) apply_queue_.push_back(std::move(entry));
  finish_reads(ready);
  for (const raft::SnapshotRequest& request : ready.snapshots_to_send) {
    const auto running = sending_.find(request.to);
    if (running != sending_.end()) tasks_.cancel(running->second);
    retention_.sent(request.to);
    sending_[request.to] = tasks_.spawn(send_snapshot(request));
  }
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
  // A new commit index alone is no reason to touch the disk: it is only a hint at restart and
  // travels with the next record.
  if (batch.hard_state) unsaved_hard_state_ = batch.hard_state;
  if (!batch.must_sync()) return;
  Persist waiting;
  waiting.sequence = batch.sequence;
  waiting.snapshot = batch.snapshot;
  waiting.record.group = spec_.group;
  waiting.record.hard_state = std::exchange(unsaved_hard_state_, std::nullopt);
  waiting.record.entries = std::move(batch.entries);
  if (batch.snapshot) {
    VECTRON_ASSERT(incoming_ && incoming_->complete, "a snapshot that was not received");
    waiting.record.mark = WalMark{incoming_->generation, *batch.snapshot, true};
    switching_ = true;
    apply_queue_.clear();
  }
  // Records enter the log in order: this one at once, unless one before it still waits for room.
  const bool in_turn = persist_queue_.empty() || persist_queue_.back().ticket;
  if (in_turn) {
    const auto logged = put_into_log(&waiting);
    if (!logged.has_value()) return fail_stop(logged.error());
  }
  persist_queue_.push_back(std::move(waiting));
  persist_queued_.notify_all();
}

// Hands the record to the log; without a ticket afterwards when the log has no room.
Result<void> Replica::put_into_log(Persist* waiting) {
  if (!parts_.wal->has_room()) return {};
  VECTRON_TRY(waiting->ticket, parts_.wal->append(std::move(waiting->record)));
  return {};
}

Task<Result<void>> Replica::persist_next() {
  while (!persist_queue_.front().ticket) {
    const auto room = co_await parts_.wal->wait_for_room();
    VECTRON_CO_CHECK_OK(room);
    const auto logged = put_into_log(&persist_queue_.front());
    VECTRON_CO_CHECK_OK(logged);
  }
  const auto synced = co_await parts_.wal->sync_to(persist_queue_.front().ticket);
  co_return synced;
}

Task<void> Replica::persist_loop() {
  while (true) {
    while (persist_queue_.empty() && !reload_wanted_) {
      co_await persist_queued_.wait();
    }
    if (reload_wanted_) {
      const auto reloaded = co_await reload_state();
      if (!reloaded.has_value()) {
        fail_stop(reloaded.error());
        co_return;
      }
      pump();
      continue;
    }
    const auto synced = co_await persist_next();
    if (!synced.has_value()) {
      fail_stop(synced.error());
      co_return;
    }
    const Persist next = std::move(persist_queue_.front());
    persist_queue_.pop_front();
    if (next.snapshot) {
      const auto switched = co_await switch_to_snapshot(*next.snapshot);
      if (!switched.has_value()) {
        fail_stop(switched.error());
        co_return;
      }
    }
    raft_->persisted(next.sequence);
    if (next.snapshot) raft_->applied_to(next.snapshot->index);
    pump();
  }
}

void Replica::reload() {
  if (!serving()) return;
  reload_wanted_ = true;
  persist_queued_.notify_all();
}

// What cannot be read fences this replica alone.
Task<Result<void>> Replica::load_state() {
  auto loaded = co_await state_machine_->load(overlay_.get(), state_home());
  cannot_apply_ = !loaded.has_value() && loaded.error().code() == Code::data_loss;
  co_return loaded;
}

// Runs in persist_loop(): a snapshot cannot replace the store meanwhile.
Task<Result<void>> Replica::reload_state() {
  reload_wanted_ = false;
  reloading_ = true;
  auto loaded = co_await load_state();
  reloading_ = false;
  co_return loaded;
}

Task<void> Replica::flush_loop() {
  const auto ended = co_await overlay_->flush_loop();
  if (!ended.has_value()) fail_stop(ended.error());
}

// Reads what is stored over and over, slowly, so that rot is found while the other members still
// have what it struck. tick() fences the replica then.
Task<void> Replica::scrub_loop() {
  const uint64_t rate = config_.scrub_bytes_per_second_max;
  if (rate == 0) co_return;
  const uint64_t slice_bytes = std::clamp<uint64_t>(rate / kScrubSlices, 4'096, kScrubBytesMax);
  const Duration pause(static_cast<int64_t>(slice_bytes * 1'000'000'000 / rate));
  Clock& clock = parts_.env->clock();
  bool more = false;
  while (true) {
    if (!more) co_await clock.sleep_for(config_.scrub_interval);
    const Semaphore::Permit turn = co_await parts_.scrub_turn->acquire();
    const auto scrubbed = co_await kv_->scrub_some(slice_bytes);
    if (!scrubbed.has_value() && scrubbed.error().code() != Code::data_loss) {
      more = false;  // Something is short: the next round begins anew.
      continue;
    }
    if (!scrubbed.has_value()) {
      parts_.env->log().error(kComponent, "replica {} of group {}: its store was checked: {}",
                              spec_.self, spec_.group, scrubbed.error().to_string());
      co_return;
    }
    more = *scrubbed;
    co_await clock.sleep_for(pause);
  }
}

// A long queue, after a start or a long absence, is applied over many turns of the loop.
void Replica::apply_some(size_t* bytes_left) {
  bool applied_any = false;
  while (serving() && !apply_queue_.empty() && overlay_->has_room() && *bytes_left > 0) {
    const raft::Entry entry = std::move(apply_queue_.front());
    apply_queue_.pop_front();
    *bytes_left -= std::min(*bytes_left, entry.cost_bytes());
    const auto applied = apply_entry(entry);
    if (!applied.has_value()) return fail_stop(applied.error());
    applied_any = true;
  }
  if (!apply_queue_.empty() && serving() && *bytes_left == 0) {
    wake();
  } else if (!apply_queue_.empty() && serving() && !waiting_for_room_) {
    waiting_for_room_ = true;
    resume_task_ = tasks_.spawn(resume_apply());
  }
  if (!applied_any) return;
  overlay_->set_durable_index(overlay_->applied_index());
  raft_->applied_to(overlay_->applied_index());
  applied_changed_.notify_all();
  tell_change();
}

Task<void> Replica::resume_apply() {
  const auto room = co_await overlay_->wait_for_room();
  waiting_for_room_ = false;
  if (room.has_value()) pump();
}

Result<void> Replica::apply_entry(const raft::Entry& entry) {
  VECTRON_ASSERT(entry.index == overlay_->applied_index() + 1, "entry {} after applied index {}",
                 entry.index, overlay_->applied_index());
  overlay_->begin_entry(entry.index);
  Bytes answer;
  if (entry.kind == raft::EntryKind::normal) {
    auto applied = state_machine_->apply(entry.index, raft::view(entry.data));
    if (!applied.has_value()) {
      cannot_apply_ = applied.error().code() == Code::data_loss;
      overlay_->fail_entry(applied.error());
      return fail(applied.error());
    }
    answer = *std::move(applied);
  }
  overlay_->end_entry();
  if (parts_.observer != nullptr) parts_.observer->on_apply(name_, entry, overlay_->digest());
  finish_proposal(entry, std::move(answer));
  return {};
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
  const size_t receiving = incoming_ ? 2 : 0;
  memory.snapshot = (sending_.size() + receiving) * config_.snapshot_chunk_bytes_max;
  return memory;
}

Task<Result<Replica::Pinned>> Replica::pin(LogIndex index_min) {
  if (!serving()) co_return fail(not_leader());
  if (overlay_->flushed_index() < index_min) {
    const auto flushed = co_await overlay_->flush_to(overlay_->applied_index());
    VECTRON_CO_CHECK_OK(flushed);
  }
  if (!serving()) co_return fail(not_leader());
  Pinned pinned;
  auto reader = kv_->open_reader();
  VECTRON_CO_TRY(pinned.reader, reader);
  const auto index = OverlayStore::applied_index_of(pinned.reader.get());
  VECTRON_CO_TRY(pinned.index, index);
  const auto term = raft_->log().term_at(pinned.index);
  if (pinned.index < index_min || !term) {
    co_return fail(Code::out_of_range, "the store is behind the log's start");
  }
  pinned.term = *term;
  co_return pinned;
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
  for (auto& [index, pending] : pending_) {
    pending.completion->set(
        fail(Code::unknown_outcome, "the replica stopped: " + failure_.message()));
  }
  pending_.clear();
  for (auto* round : {&round_in_flight_, &round_gathering_}) {
    if (*round) (*round)->set(fail(Code::unavailable, "the replica stopped"));
    *round = nullptr;
  }
  read_in_flight_ = 0;
  end_install(fail(Code::unavailable, "the replica stopped: " + failure_.message()));
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
  sending_.clear();
  persist_queue_.clear();
  apply_queue_.clear();
  // Whoever receives a piece of a snapshot still uses the incoming store.
  const auto turn = co_await incoming_turn_.acquire();
  co_await drop_incoming();
  overlay_.reset();
  if (kv_) {
    co_await kv_->close();
    kv_.reset();
  }
}

}  // namespace vectron
