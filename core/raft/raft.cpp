#include "core/raft/raft.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::raft {

namespace {

constexpr bool is_vote_request(MessageKind kind) {
  return kind == MessageKind::vote || kind == MessageKind::pre_vote;
}

constexpr bool is_from_leader(MessageKind kind) {
  return kind == MessageKind::append || kind == MessageKind::heartbeat ||
         kind == MessageKind::install_snapshot;
}

void check_membership(const Membership& membership, ReplicaId self) {
  VECTRON_ASSERT(!membership.voters.empty() && membership.voters.size() <= kVotersMax, "{} voters",
                 membership.voters.size());
  VECTRON_ASSERT(membership.voters.size() + membership.learners.size() <= kMembersMax);
  VECTRON_ASSERT(std::ranges::is_sorted(membership.voters));
  VECTRON_ASSERT(std::ranges::is_sorted(membership.learners));
  VECTRON_ASSERT(membership.contains(self), "replica {} is not a member", self);
}

}  // namespace

Raft::Raft(Config config, HardState hard_state, SnapshotMeta snapshot, std::vector<Entry> entries,
           LogIndex applied_index)
    : config_(config),
      random_(config.random_seed, "raft.election", config.self.value()),
      log_(std::move(snapshot), std::move(entries)),
      persistence_(log_.last_index()),
      read_only_(config.pending_reads_max),
      term_(hard_state.term),
      voted_for_(hard_state.voted_for),
      // The stored commit index is a hint that may lag behind what was applied.
      commit_index_(std::max({hard_state.commit_index, applied_index, log_.snapshot().index})),
      handed_to_apply_(applied_index),
      applied_index_(applied_index),
      handed_hard_state_(hard_state) {
  const Result<void> valid = config_.validate();
  VECTRON_ASSERT(valid.has_value(), "{}", valid.error().to_string());
  check_membership(membership(), config_.self);
  VECTRON_ASSERT(applied_index >= log_.snapshot().index, "applied {}, the log begins after {}",
                 applied_index, log_.snapshot().index);
  VECTRON_ASSERT(commit_index_ <= log_.last_index(),
                 "committed {} but the log ends at {}: acknowledged entries are lost",
                 commit_index_, log_.last_index());
  VECTRON_ASSERT(log_.last_term() <= term_, "an entry of term {}, the hard state has {}",
                 log_.last_term(), term_);
  reset_election_timer();
}

void Raft::tick() {
  if (is_leader()) {
    tick_leader();
  } else {
    tick_follower();
  }
}

void Raft::step(Message message) {
  if (!admits(message).has_value()) return;
  take(std::move(message));
}

Result<void> Raft::admits(const Message& message) const {
  return check_message(message, {.self = config_.self, .term = term_, .membership = &membership()});
}

void Raft::take(Message message) {
  if (message.term > term_ && !adopt_newer_term(message)) return;
  if (message.term < term_) return answer_older_term(std::move(message));
  dispatch(std::move(message));
}

Result<LogIndex> Raft::propose(Payload data, EntryKind kind) {
  if (kind == EntryKind::membership || kind == EntryKind::noop)
    return fail(Code::unimplemented, "a membership change cannot be proposed yet");
  if (!is_leader())
    return fail(Code::unavailable, "this replica is not the leader; ask the leader");
  if (transfer_target_)
    return fail(Code::unavailable, "leadership is being handed over; ask the new leader");
  const size_t cost = kEntryOverheadBytes + view(data).size();
  const size_t uncommitted = log_.bytes_between(commit_index_, log_.last_index());
  if (uncommitted > 0 && uncommitted + cost > config_.uncommitted_bytes_max)
    return fail(Code::resource_exhausted, "too many uncommitted bytes; retry later");
  if (log_.bytes() > 0 && log_.bytes() + cost > config_.log_bytes_max)
    return fail(Code::resource_exhausted, "the log in memory is full; retry later");
  append_own(kind, std::move(data));
  return log_.last_index();
}

// Decides what a message of a newer term does to this member (paper 5.1). False: the message is to
// be dropped.
bool Raft::adopt_newer_term(const Message& message) {
  VECTRON_ASSERT(message.term > term_);
  // Dissertation 4.2.3: a member that hears its leader does not let others depose it, unless the
  // leader asked for that.
  if (is_vote_request(message.kind) && !message.transfer && in_leader_lease()) return false;
  // A pre-vote asks about a term that nobody is in yet, and its grant echoes that term.
  if (message.kind == MessageKind::pre_vote) return true;
  if (message.kind == MessageKind::pre_vote_reply && !message.rejected) return true;
  become_follower(message.term, is_from_leader(message.kind) ? message.from : ReplicaId());
  VECTRON_ASSERT(term_ == message.term);
  return true;
}

void Raft::answer_older_term(Message message) {
  VECTRON_ASSERT(message.term < term_);
  switch (message.kind) {
    case MessageKind::append:
    case MessageKind::heartbeat:
      // With pre-vote or check-quorum, nobody else would tell a leader of an older term that this
      // member, say after a failed campaign, is ahead of it: the term alone makes it step down.
      return send({.kind = MessageKind::append_reply, .to = message.from, .rejected = true});
    case MessageKind::install_snapshot:
      // What a snapshot holds was committed, so it is true whoever leads now.
      if (role_ == Role::follower) handle_install_snapshot(std::move(message));
      return;
    case MessageKind::pre_vote:
      if (!is_voter()) return;
      return send({.kind = MessageKind::pre_vote_reply,
                   .to = message.from,
                   .term = term_,
                   .rejected = true});
    case MessageKind::read_index:
      return refuse_read(message.context, message.from);
    default:
      return;
  }
}

void Raft::dispatch(Message message) {
  if (is_from_leader(message.kind)) {
    if (is_leader()) return;
    // A candidate that hears the leader of its term has lost (paper 5.2).
    if (role_ != Role::follower || leader_ != message.from) become_follower(term_, message.from);
    election_elapsed_ticks_ = 0;
  }
  switch (message.kind) {
    case MessageKind::pre_vote:
    case MessageKind::vote:
      return handle_vote_request(message);
    case MessageKind::pre_vote_reply:
    case MessageKind::vote_reply:
      return handle_vote_reply(message);
    case MessageKind::append:
      return handle_append(std::move(message));
    case MessageKind::append_reply:
      return handle_append_reply(message);
    case MessageKind::heartbeat:
      return handle_heartbeat(message);
    case MessageKind::heartbeat_reply:
      return handle_heartbeat_reply(message);
    case MessageKind::install_snapshot:
      return handle_install_snapshot(std::move(message));
    case MessageKind::timeout_now:
      return handle_timeout_now();
    case MessageKind::read_index:
      return handle_read_index(message);
    case MessageKind::read_index_reply:
      return handle_read_index_reply(message);
  }
}

void Raft::become_follower(Term term, ReplicaId leader) {
  VECTRON_ASSERT(term >= term_ && leader != config_.self, "term {} after {}", term, term_);
  if (term > term_) reset_for_term(term);
  role_ = Role::follower;
  leader_ = leader;
  transfer_target_ = ReplicaId();
  drop_reads();
  reset_election_timer();
}

void Raft::become_pre_candidate() {
  VECTRON_ASSERT(!is_leader() && is_voter());
  role_ = Role::pre_candidate;
  leader_ = ReplicaId();
  votes_.reset(membership().voters.size());
  reset_election_timer();
}

void Raft::become_candidate() {
  VECTRON_ASSERT(!is_leader() && is_voter());
  reset_for_term(term_ + 1);
  role_ = Role::candidate;
  leader_ = ReplicaId();
  voted_for_ = config_.self;
  votes_.reset(membership().voters.size());
  reset_election_timer();
}

void Raft::become_leader() {
  VECTRON_ASSERT(role_ == Role::candidate && voted_for_ == config_.self);
  role_ = Role::leader;
  leader_ = config_.self;
  transfer_target_ = ReplicaId();
  term_start_index_ = log_.last_index() + 1;
  election_elapsed_ticks_ = 0;
  heartbeat_elapsed_ticks_ = 1;  // Its first entry goes to all, like a heartbeat of this tick.
  const Inflights::Limits limits{config_.inflight_messages_max, config_.inflight_bytes_max};
  peers_.clear();
  for (ReplicaId id : membership().voters) peers_.emplace_back(id, false, limits);
  for (ReplicaId id : membership().learners) peers_.emplace_back(id, true, limits);
  std::ranges::sort(peers_, {}, &Progress::id);
  for (Progress& peer : peers_) peer.next = term_start_index_;
  Progress& own = own_progress();
  own.state = ProgressState::replicate;
  own.match = persistence_.persisted_index();
  own.recent_active = true;
  if (config_.planted.skip_noop) return;
  append_own(EntryKind::noop, nullptr);
  VECTRON_ASSERT(log_.term_at(term_start_index_) == term_);
}

void Raft::reset_for_term(Term term) {
  VECTRON_ASSERT(term > term_, "term {} after {}", term, term_);
  term_ = term;
  voted_for_ = ReplicaId();
  persistence_.drop_held_except(term);
}

// True when the hard state or entries that a vote or an acknowledgement speaks of are not yet
// handed to the disk.
bool Raft::has_unwritten_state() const {
  return term_ != handed_hard_state_.term || voted_for_ != handed_hard_state_.voted_for ||
         snapshot_to_install_.has_value() || persistence_.next_to_write() <= log_.last_index();
}

void Raft::send(Message message) {
  message.from = config_.self;
  // Pre-votes speak of a term that this member is not in; their senders set it.
  if (message.kind != MessageKind::pre_vote && message.kind != MessageKind::pre_vote_reply)
    message.term = term_;
  VECTRON_ASSERT(message.to && message.to != config_.self);
  outbox_.push_back(std::move(message));
}

void Raft::send_after_persist(Message message) {
  message.from = config_.self;
  message.term = term_;
  VECTRON_ASSERT(message.to);
  const bool dirty = has_unwritten_state();
  if (!persistence_.all_durable(dirty) && !config_.planted.ack_before_persist)
    return persistence_.hold(std::move(message), dirty);
  if (message.to == config_.self) return take(std::move(message));
  outbox_.push_back(std::move(message));
}

Progress* Raft::find_peer(ReplicaId id) {
  const auto it = std::ranges::lower_bound(peers_, id, {}, &Progress::id);
  return it != peers_.end() && it->id == id ? &*it : nullptr;
}

Progress& Raft::own_progress() {
  Progress* own = find_peer(config_.self);
  VECTRON_ASSERT(own != nullptr && is_leader());
  return *own;
}

}  // namespace vectron::raft
