// Output: what has to be written, sent and applied, and the reports that it was done.

#include <algorithm>

#include "core/base/assert.h"
#include "core/raft/raft.h"
#include "core/raft/raft_invariants.h"

namespace vectron::raft {

bool Raft::has_ready() const {
  if (!outbox_.empty() || !reads_.empty() || !dropped_reads_.empty() || !snapshots_to_send_.empty())
    return true;
  if (has_unwritten_state() || hard_state() != handed_hard_state_) return true;
  if (SoftState{role_, leader_} != handed_soft_state_ || has_entries_to_apply()) return true;
  return is_leader() &&
         std::ranges::any_of(peers_, [this](const Progress& peer) { return wants_append(peer); });
}

Ready Raft::ready() {
  VECTRON_AUDIT(!RaftInvariants::violation(*this), "{}",
                RaftInvariants::violation(*this).value_or(""));
  if (is_leader()) {
    for (Progress& peer : peers_) replicate_to(peer);
  }
  Ready ready;
  if (const SoftState soft{role_, leader_}; soft != handed_soft_state_) {
    handed_soft_state_ = soft;
    ready.soft_state = soft;
  }
  ready.persist = take_batch();
  ready.committed = take_committed();
  ready.messages.swap(outbox_);
  ready.reads.swap(reads_);
  ready.dropped_reads.swap(dropped_reads_);
  ready.snapshots_to_send.swap(snapshots_to_send_);
  VECTRON_ASSERT(!has_unwritten_state());
  return ready;
}

PersistBatch Raft::take_batch() {
  PersistBatch batch;
  const HardState current = hard_state();
  const bool must_sync = has_unwritten_state();
  if (snapshot_to_install_) {
    VECTRON_ASSERT(snapshot_to_install_->index == log_.snapshot().index);
    handed_to_apply_ = snapshot_to_install_->index;
    batch.snapshot.swap(snapshot_to_install_);
  }
  const LogIndex first = persistence_.next_to_write();
  if (first <= log_.last_index()) batch.entries = log_.slice({first, log_.last_index()});
  if (current != handed_hard_state_) {
    VECTRON_ASSERT(current.term >= handed_hard_state_.term &&
                   current.commit_index >= handed_hard_state_.commit_index);
    handed_hard_state_ = current;
    batch.hard_state = current;
  }
  // A commit index alone is a hint that may be lost.
  if (must_sync) batch.sequence = persistence_.begin_batch(log_.last_index());
  return batch;
}

// Only entries that are durable here are applied, so what the state machine stores never runs ahead
// of this log; and none while a snapshot is being switched to.
bool Raft::has_entries_to_apply() const {
  const LogIndex limit = std::min(commit_index_, persistence_.persisted_index());
  if (handed_to_apply_ >= limit || applied_index_ < log_.snapshot().index) return false;
  return handed_to_apply_ == applied_index_ ||
         log_.bytes_between(applied_index_, handed_to_apply_) < config_.apply_bytes_max;
}

std::vector<Entry> Raft::take_committed() {
  if (!has_entries_to_apply()) return {};
  const size_t unapplied_bytes = log_.bytes_between(applied_index_, handed_to_apply_);
  std::vector<Entry> entries =
      log_.slice({.from = handed_to_apply_ + 1,
                  .through = std::min(commit_index_, persistence_.persisted_index()),
                  .bytes_max = config_.apply_bytes_max - unapplied_bytes});
  VECTRON_ASSERT(!entries.empty() && entries.back().index <= commit_index_);
  handed_to_apply_ = entries.back().index;
  return entries;
}

void Raft::persisted(uint64_t sequence) {
  std::vector<Message> released = persistence_.complete(sequence);
  if (is_leader()) {
    Progress& own = own_progress();
    VECTRON_ASSERT(own.match <= persistence_.persisted_index());
    own.match = persistence_.persisted_index();
    maybe_commit();
  }
  for (Message& message : released) {
    // The first of them may have ended this term; what was promised in it is void then.
    if (message.term != term_) continue;
    if (message.to == config_.self) {
      take(std::move(message));
    } else {
      outbox_.push_back(std::move(message));
    }
  }
}

void Raft::applied_to(LogIndex index) {
  VECTRON_ASSERT(index <= handed_to_apply_, "applied {}, handed out {}", index, handed_to_apply_);
  VECTRON_ASSERT(index <= persistence_.persisted_index() || index <= applied_index_,
                 "applied {}, durable {}", index, persistence_.persisted_index());
  applied_index_ = std::max(applied_index_, index);
}

void Raft::compact(LogIndex index) {
  VECTRON_ASSERT(index <= applied_index_, "compacting to {}, applied {}", index, applied_index_);
  if (index < log_.first_index()) return;
  VECTRON_ASSERT(index <= persistence_.persisted_index());
  log_.compact(index);
}

RaftStatus Raft::status() const {
  RaftStatus status{.self = config_.self,
                    .role = role_,
                    .term = term_,
                    .voted_for = voted_for_,
                    .leader = leader_,
                    .commit_index = commit_index_,
                    .applied_index = applied_index_,
                    .persisted_index = persistence_.persisted_index(),
                    .first_index = log_.first_index(),
                    .last_index = log_.last_index(),
                    .log_bytes = log_.bytes()};
  if (!is_leader()) return status;
  VECTRON_ASSERT(!peers_.empty());
  for (const Progress& peer : peers_) {
    status.peers.push_back({.id = peer.id,
                            .learner = peer.learner,
                            .state = peer.state,
                            .match = peer.match,
                            .next = peer.next,
                            .recent_active = peer.recent_active,
                            .inflight_count = peer.inflights.count()});
  }
  return status;
}

}  // namespace vectron::raft
