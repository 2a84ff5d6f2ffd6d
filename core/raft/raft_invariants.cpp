#include "core/raft/raft_invariants.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/raft/raft.h"

namespace vectron::raft {

namespace {
/// Entries at the log's end that are looked at each time; all others were at the end once.
constexpr uint64_t kTailEntries = 4;
}  // namespace

std::optional<std::string> RaftInvariants::violation(const Raft& raft) {
  for (const auto check : {positions, roles, durability, log_tail, progress}) {
    if (const char* broken = check(raft))
      return fmt::format("replica {} ({}, term {}): {}", raft.config_.self, to_string(raft.role_),
                         raft.term_, broken);
  }
  return std::nullopt;
}

const char* RaftInvariants::positions(const Raft& raft) {
  const LogIndex snapshot = raft.log_.snapshot().index;
  if (raft.commit_index_ > raft.log_.last_index()) return "commit_index is beyond the log";
  if (raft.commit_index_ < snapshot) return "commit_index is before the snapshot";
  if (raft.applied_index_ > raft.handed_to_apply_) return "applied more than was handed out";
  if (raft.handed_to_apply_ > raft.commit_index_) return "handed out more than is committed";
  if (raft.snapshot_to_install_ && raft.snapshot_to_install_->index != snapshot)
    return "the snapshot to install is not the log's";
  if (raft.handed_to_apply_ < snapshot && !raft.snapshot_to_install_)
    return "compacted entries that were not handed out";
  return nullptr;
}

const char* RaftInvariants::roles(const Raft& raft) {
  const bool is_leader = raft.role_ == Role::leader;
  const ReplicaId self = raft.config_.self;
  if (raft.role_ != Role::follower && !raft.is_voter()) return "a learner campaigns or leads";
  if (is_leader != (raft.leader_ == self)) return "leads without knowing, or knows without leading";
  if ((is_leader || raft.role_ == Role::candidate) && raft.voted_for_ != self &&
      !raft.config_.planted.vote_twice)
    return "a candidate or leader did not vote for itself";
  if (raft.role_ != Role::follower && !is_leader && raft.leader_) return "a candidate has a leader";
  if (!is_leader && raft.transfer_target_) return "only a leader hands over";
  if (!is_leader && raft.read_only_.count() > 0) return "only a leader answers reads";
  if (raft.read_only_.count() > raft.config_.pending_reads_max) return "too many reads";
  if (raft.election_timeout_ticks_ < raft.config_.election_ticks)
    return "the election timeout is too short";
  return nullptr;
}

const char* RaftInvariants::durability(const Raft& raft) {
  const Persistence& disk = raft.persistence_;
  if (disk.persisted_index() >= disk.next_to_write()) return "durable before it was handed out";
  // While a snapshot is switched to, the durable prefix is that of the old log, up to what was
  // committed in it.
  const LogIndex snapshot = raft.log_.snapshot().index;
  if (raft.applied_index_ > disk.persisted_index() && raft.applied_index_ >= snapshot)
    return "applied what is not durable";
  if (disk.next_to_write() > raft.log_.last_index() + 1) return "handed out more than there is";
  if (disk.persisted_sequence() > disk.last_sequence()) return "a batch of the future is durable";
  if (disk.batches_in_flight() == 0 && disk.next_to_write() != disk.persisted_index() + 1 &&
      !raft.snapshot_to_install_)
    return "nothing is being written, yet handed-out entries are not durable";
  if (raft.handed_hard_state_.term > raft.term_) return "the term fell";
  return nullptr;
}

const char* RaftInvariants::log_tail(const Raft& raft) {
  const Log& log = raft.log_;
  if (log.last_term() > raft.term_) return "an entry of a term that this member has not reached";
  LogIndex index = log.last_index();
  Term above = log.last_term();
  for (uint64_t i = 0; i < kTailEntries && index >= log.first_index(); ++i, index = index - 1) {
    if (log.at(index).index != index) return "an entry is not where it says";
    if (log.at(index).term > above) return "terms fall along the log";
    above = log.at(index).term;
  }
  return nullptr;
}

const char* RaftInvariants::progress(const Raft& raft) {
  if (raft.role_ != Role::leader) return nullptr;
  if (raft.peers_.size() != raft.membership().voters.size() + raft.membership().learners.size())
    return "progress is not kept for exactly the members";
  if (raft.term_start_index_ > raft.log_.last_index() && !raft.config_.planted.skip_noop)
    return "a leader without an entry of its term";
  for (const Progress& peer : raft.peers_) {
    if (peer.match >= peer.next) return "match is not below next";
    if (peer.next > raft.log_.last_index() + 1) return "next is beyond the log";
    if (peer.inflights.count() > raft.config_.inflight_messages_max)
      return "too many messages on the way";
    if (peer.state != ProgressState::replicate && peer.inflights.count() > 0)
      return "a window is open outside of the state replicate";
    if (peer.sent_commit > raft.commit_index_) return "told a commit index that is not reached";
    if (peer.id == raft.config_.self && peer.match != raft.persistence_.persisted_index())
      return "counts itself for other entries than its disk has";
  }
  return nullptr;
}

}  // namespace vectron::raft
