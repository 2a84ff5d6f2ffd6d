// Elections: pre-vote, votes, check-quorum, leadership transfer.

#include <algorithm>

#include "core/base/assert.h"
#include "core/raft/raft.h"

namespace vectron::raft {

void Raft::tick_follower() {
  VECTRON_ASSERT(!is_leader());
  ++election_elapsed_ticks_;
  if (is_voter() && election_elapsed_ticks_ >= election_timeout_ticks_) start_election(false);
}

void Raft::tick_leader() {
  VECTRON_ASSERT(is_leader());
  if (++election_elapsed_ticks_ >= config_.election_ticks) {
    election_elapsed_ticks_ = 0;
    // A target that did not take over within an election timeout will not; serve again.
    transfer_target_ = ReplicaId();
    if (config_.check_quorum && !quorum_is_active()) return become_follower(term_, ReplicaId());
  }
  // The count includes the tick that sent the last one. A round of reads between two ticks was one
  // as well (confirm_reads()), unless reads still wait for it: then it may be lost.
  ++heartbeat_elapsed_ticks_;
  const bool is_due = heartbeat_elapsed_ticks_ > config_.heartbeat_ticks;
  const bool may_be_lost =
      read_only_.count() > 0 && heartbeat_elapsed_ticks_ == config_.heartbeat_ticks;
  if (is_due || may_be_lost) {
    heartbeat_elapsed_ticks_ = 1;
    broadcast_heartbeat();
  }
}

void Raft::campaign() {
  start_election(false);
}

// Begins with a pre-vote where configured; a transfer skips it, because the old leader wants to be
// deposed.
void Raft::start_election(bool transfer) {
  if (is_leader() || !is_voter()) return;
  if (config_.pre_vote && !transfer) {
    become_pre_candidate();
    request_votes(MessageKind::pre_vote, false);
  } else {
    become_candidate();
    request_votes(MessageKind::vote, transfer);
  }
}

void Raft::request_votes(MessageKind kind, bool transfer) {
  VECTRON_ASSERT(kind == MessageKind::vote || kind == MessageKind::pre_vote);
  VECTRON_ASSERT(role_ == (kind == MessageKind::vote ? Role::candidate : Role::pre_candidate));
  Message request{.kind = kind,
                  .term = kind == MessageKind::vote ? term_ : term_ + 1,
                  .index = log_.last_index(),
                  .log_term = log_.last_term(),
                  .transfer = transfer};
  for (ReplicaId voter : membership().voters) {
    if (voter == config_.self) continue;
    request.to = voter;
    // A vote request speaks for the log that it describes. Were it sent before that log is durable,
    // this member could crash, come back with a shorter log in the same term, and be elected by the
    // old request's votes.
    if (kind == MessageKind::vote && !config_.planted.campaign_before_persist) {
      send_after_persist(request);
    } else {
      send(request);
    }
  }
  Message own_vote{
      .kind = kind == MessageKind::vote ? MessageKind::vote_reply : MessageKind::pre_vote_reply,
      .from = config_.self,
      .to = config_.self,
      .term = request.term};
  if (kind == MessageKind::vote) return send_after_persist(std::move(own_vote));
  handle_vote_reply(own_vote);
}

void Raft::handle_vote_request(const Message& message) {
  VECTRON_ASSERT(message.term >= term_);
  if (!is_voter() || !membership().is_voter(message.from)) return;
  const bool is_real = message.kind == MessageKind::vote;
  Message reply{.kind = is_real ? MessageKind::vote_reply : MessageKind::pre_vote_reply,
                .to = message.from};
  if (!can_grant(message)) {
    reply.term = term_;
    reply.rejected = true;
    return send(std::move(reply));
  }
  reply.term = message.term;
  if (!is_real) return send(std::move(reply));
  VECTRON_ASSERT(message.term == term_);
  voted_for_ = message.from;
  election_elapsed_ticks_ = 0;
  send_after_persist(std::move(reply));
}

bool Raft::can_grant(const Message& message) const {
  const bool is_pre_vote_ahead = message.kind == MessageKind::pre_vote && message.term > term_;
  const bool may_vote =
      is_pre_vote_ahead || voted_for_ == message.from || (!voted_for_ && !leader_);
  // The election restriction (paper 5.4.1): no vote for a log that lacks what this one has.
  const bool is_complete = log_.is_behind_or_equal(message.log_term, message.index);
  return (may_vote || (config_.planted.vote_twice && role_ == Role::follower)) &&
         (is_complete || config_.planted.vote_without_log_check);
}

void Raft::handle_vote_reply(const Message& message) {
  const bool is_real = message.kind == MessageKind::vote_reply;
  if (role_ != (is_real ? Role::candidate : Role::pre_candidate)) return;
  if (!membership().is_voter(message.from)) return;
  // A granted pre-vote echoes the term asked for; anything else is the answer to an older campaign.
  const Term expected = is_real || message.rejected ? term_ : term_ + 1;
  if (message.term != expected) return;
  votes_.record(message.from, !message.rejected);
  switch (votes_.outcome()) {
    case VoteOutcome::pending:
      return;
    case VoteOutcome::lost:
      return become_follower(term_, ReplicaId());
    case VoteOutcome::won:
      break;
  }
  if (is_real) return become_leader();
  become_candidate();
  request_votes(MessageKind::vote, false);
}

void Raft::handle_timeout_now() {
  // Anyone else is campaigning already or leads.
  if (role_ == Role::follower) start_election(true);
}

bool Raft::in_leader_lease() const {
  return config_.check_quorum && leader_ && election_elapsed_ticks_ < config_.election_ticks;
}

// True when a quorum was heard from since the last call; begins a new interval.
bool Raft::quorum_is_active() {
  VECTRON_ASSERT(is_leader());
  size_t active = 0;
  for (Progress& peer : peers_) {
    if (!peer.learner && peer.recent_active) ++active;
    peer.recent_active = peer.id == config_.self;
  }
  VECTRON_ASSERT(active > 0);
  return active >= quorum_size(membership().voters.size());
}

Result<void> Raft::transfer_leadership(ReplicaId to) {
  if (!is_leader())
    return fail(Code::unavailable, "this replica is not the leader; ask the leader");
  if (to == config_.self || !membership().is_voter(to))
    return fail(Code::invalid_argument, "leadership goes to another voter of the group", "to");
  transfer_target_ = to;
  election_elapsed_ticks_ = 0;
  const Progress* target = find_peer(to);
  VECTRON_ASSERT(target != nullptr);
  if (target->match == log_.last_index()) send_timeout_now();
  return {};
}

void Raft::send_timeout_now() {
  VECTRON_ASSERT(is_leader() && transfer_target_);
  send({.kind = MessageKind::timeout_now, .to = transfer_target_});
}

void Raft::reset_election_timer() {
  election_elapsed_ticks_ = 0;
  election_timeout_ticks_ =
      static_cast<uint32_t>(config_.election_ticks + random_.below(config_.election_ticks));
  VECTRON_ASSERT(election_timeout_ticks_ >= config_.election_ticks);
}

}  // namespace vectron::raft
