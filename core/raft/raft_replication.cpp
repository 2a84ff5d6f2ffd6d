// Replication: appends, acknowledgements, heartbeats, commit, snapshots.

#include <algorithm>
#include <array>

#include "core/base/assert.h"
#include "core/raft/raft.h"

namespace vectron::raft {

void Raft::append_own(EntryKind kind, Payload data) {
  VECTRON_ASSERT(is_leader());
  const LogIndex index = log_.last_index() + 1;
  log_.append({.term = term_, .index = index, .kind = kind, .data = std::move(data)});
  persistence_.entries_changed(index);
  // Sent by ready(), so that proposals made in one turn travel together. Counted for itself once it
  // is durable.
  own_progress().next = index + 1;
}

// A follower takes a leader's entries (paper 5.3, figure 2).
void Raft::handle_append(Message message) {
  VECTRON_ASSERT(role_ == Role::follower && message.term == term_);
  // Late: all up to the commit index is known to match, and part of it may be compacted away.
  if (message.index < commit_index_)
    return send_after_persist(
        {.kind = MessageKind::append_reply, .to = message.from, .index = commit_index_});
  const bool checked =
      !config_.planted.append_without_previous_check || message.index > log_.last_index();
  if (checked && !log_.matches(message.index, message.log_term)) return reject_append(message);
  if (!fits_in_memory(message)) return;

  const LogIndex last_new = message.index + message.entries.size();
  const LogIndex first_changed = log_.merge(std::move(message.entries));
  VECTRON_ASSERT(!first_changed || first_changed > commit_index_,
                 "leader {} of term {} replaces entry {}, committed is {}", message.from,
                 message.term, first_changed, commit_index_);
  if (first_changed) persistence_.entries_changed(first_changed);
  if (config_.planted.truncate_on_any_append &&
      log_.last_index() > std::max(last_new, commit_index_)) {
    const LogIndex cut = std::max(last_new, commit_index_) + 1;
    log_.truncate(cut);
    persistence_.entries_changed(cut);
  }
  commit_to(std::min(message.commit_index, last_new));
  send_after_persist({.kind = MessageKind::append_reply, .to = message.from, .index = last_new});
}

// A follower whose committed entries pile up unapplied takes no more; the leader sees lost messages
// and slows down. Uncommitted entries never count, because a leader must be able to replace them.
// Of those no right leader has more than a part of the bound waiting, so what goes beyond it is not
// the work of one.
bool Raft::fits_in_memory(const Message& message) const {
  if (message.entries.empty()) return true;
  return log_.bytes_between(applied_index_, commit_index_) < config_.log_bytes_max &&
         log_.bytes_between(commit_index_, message.index) < config_.log_bytes_max;
}

void Raft::reject_append(const Message& message) {
  VECTRON_ASSERT(message.index > LogIndex(0));
  // The newest entry that the leader's log could share: it has nothing above log_term at or before
  // the refused index.
  const LogIndex hint = log_.find_conflict_by_term(message.index, message.log_term);
  const std::optional<Term> hint_term = log_.term_at(hint);
  VECTRON_ASSERT(hint_term.has_value(), "no term at {}", hint);
  send({.kind = MessageKind::append_reply,
        .to = message.from,
        .index = message.index,
        .rejected = true,
        .hint_index = hint,
        .hint_term = *hint_term});
}

void Raft::handle_append_reply(const Message& message) {
  Progress* peer = is_leader() ? find_peer(message.from) : nullptr;
  if (peer == nullptr || message.from == config_.self) return;
  peer->recent_active = true;
  if (message.rejected) return handle_rejection(*peer, message);
  if (message.index > log_.last_index()) return;

  const bool advanced = peer->acknowledge(message.index);
  if (!advanced && !(peer->state == ProgressState::probe && peer->match == message.index)) return;
  switch (peer->state) {
    case ProgressState::probe:
      peer->become_replicate();
      break;
    case ProgressState::replicate:
      peer->inflights.acknowledge(message.index);
      break;
    case ProgressState::snapshot:
      // It caught up to where our log begins, by this snapshot or by another's: entries will do
      // from here.
      if (peer->match + 1 >= log_.first_index()) peer->become_replicate();
      break;
  }
  if (advanced) maybe_commit();
  if (transfer_target_ == message.from && peer->match == log_.last_index()) send_timeout_now();
}

void Raft::handle_rejection(Progress& peer, const Message& message) {
  VECTRON_ASSERT(message.rejected && is_leader());
  // The follower skipped back over its terms that are above ours; skip over ours that are above
  // its.
  const LogIndex hint = log_.find_conflict_by_term(message.hint_index, message.hint_term);
  if (!peer.reject(message.index, hint)) return;
  if (peer.state == ProgressState::replicate) peer.become_probe();
}

void Raft::handle_heartbeat(const Message& message) {
  VECTRON_ASSERT(role_ == Role::follower && leader_ == message.from);
  // The leader names at most what this member acknowledged. More would mean that our disk lost
  // something: take nothing.
  if (message.commit_index <= log_.last_index()) commit_to(message.commit_index);
  send({.kind = MessageKind::heartbeat_reply, .to = message.from, .context = message.context});
}

void Raft::handle_heartbeat_reply(const Message& message) {
  Progress* peer = is_leader() ? find_peer(message.from) : nullptr;
  if (peer == nullptr || message.from == config_.self) return;
  peer->recent_active = true;
  peer->paused = false;
  // In case all that is on the way was lost: an append, empty if need be, brings out whether the
  // member has it.
  if (peer->state == ProgressState::replicate && peer->match < log_.last_index())
    peer->append_due = true;
  peer->read_round = std::max(peer->read_round, std::min(message.context, read_only_.round()));
  confirm_reads();
}

void Raft::broadcast_heartbeat() {
  VECTRON_ASSERT(is_leader());
  const uint64_t round = read_only_.begin_round();
  for (Progress& peer : peers_) {
    if (peer.id == config_.self) continue;
    const LogIndex commit = std::min(peer.match, commit_index_);
    peer.sent_commit = std::max(peer.sent_commit, commit);
    send({.kind = MessageKind::heartbeat, .to = peer.id, .commit_index = commit, .context = round});
  }
}

uint64_t Raft::quorum_match() const {
  std::array<uint64_t, kVotersMax> matches;
  size_t count = 0;
  for (const Progress& peer : peers_) {
    if (!peer.learner) matches[count++] = peer.match.value();
  }
  VECTRON_ASSERT(count == membership().voters.size(), "{} voters in progress", count);
  return quorum_value({matches.data(), count});
}

// A leader commits by counting only entries of its own term; older ones follow from Log Matching
// (paper 5.4.2).
void Raft::maybe_commit() {
  VECTRON_ASSERT(is_leader());
  LogIndex index(quorum_match());
  if (config_.planted.ack_before_quorum) index = std::max(index, own_progress().match);
  if (index <= commit_index_) return;
  if (log_.term_at(index) != term_ && !config_.planted.commit_old_term_by_count) return;
  commit_to(index);
  if (!has_committed_in_term()) return;
  read_only_.commit_known(commit_index_);
  confirm_reads();
}

void Raft::commit_to(LogIndex index) {
  VECTRON_ASSERT(index <= log_.last_index(), "commit {} beyond the log's end {}", index,
                 log_.last_index());
  commit_index_ = std::max(commit_index_, index);
}

bool Raft::wants_append(const Progress& peer) const {
  VECTRON_ASSERT(is_leader());
  if (peer.id == config_.self) return false;
  switch (peer.state) {
    case ProgressState::snapshot:
      return false;
    case ProgressState::probe:
      return !peer.paused && peer.match < log_.last_index();
    case ProgressState::replicate:
      break;
  }
  if (peer.append_due) return true;
  if (peer.inflights.full()) return false;
  // With nothing else to send, a new commit index goes alone: followers apply without waiting for a
  // heartbeat.
  return peer.next <= log_.last_index() ||
         std::min(commit_index_, peer.next - 1) > peer.sent_commit;
}

void Raft::replicate_to(Progress& peer) {
  while (wants_append(peer)) send_append(peer);
  VECTRON_ASSERT(peer.match < peer.next);
}

void Raft::send_append(Progress& peer) {
  VECTRON_ASSERT(peer.next > LogIndex(0) && peer.next <= log_.last_index() + 1);
  const LogIndex previous = peer.next - 1;
  const std::optional<Term> previous_term = log_.term_at(previous);
  if (!previous_term) return request_snapshot(peer);
  Message message{.kind = MessageKind::append,
                  .to = peer.id,
                  .index = previous,
                  .log_term = *previous_term,
                  .commit_index = commit_index_};
  const bool has_room = peer.state == ProgressState::probe || !peer.inflights.full();
  if (has_room && peer.next <= log_.last_index())
    message.entries = log_.slice({peer.next, log_.last_index(), config_.append_bytes_max});
  const LogIndex last = previous + message.entries.size();
  peer.append_due = false;
  peer.paused = peer.state == ProgressState::probe;
  peer.sent_commit = std::max(peer.sent_commit, std::min(commit_index_, last));
  if (!message.entries.empty()) peer.sent_entries(last, log_.bytes_between(previous, last));
  send(std::move(message));
}

// The entries that the member needs are compacted away.
void Raft::request_snapshot(Progress& peer) {
  VECTRON_ASSERT(peer.next - 1 < log_.snapshot().index);
  if (!peer.recent_active) {
    // Nobody there to take it; a heartbeat's reply tries again.
    if (peer.state != ProgressState::probe) peer.become_probe();
    peer.paused = true;
    return;
  }
  peer.become_snapshot(log_.snapshot().index);
  snapshots_to_send_.push_back({.to = peer.id, .index_min = log_.snapshot().index, .term = term_});
}

void Raft::report_unreachable(ReplicaId peer_id) {
  Progress* peer = is_leader() ? find_peer(peer_id) : nullptr;
  if (peer == nullptr || peer_id == config_.self) return;
  VECTRON_ASSERT(peer->match < peer->next);
  if (peer->state == ProgressState::replicate) peer->become_probe();
}

void Raft::report_snapshot(ReplicaId peer_id, bool ok) {
  Progress* peer = is_leader() ? find_peer(peer_id) : nullptr;
  if (peer == nullptr || peer->state != ProgressState::snapshot) return;
  if (!ok) peer->pending_snapshot = LogIndex();
  peer->become_probe();
  // The acknowledgement of the installation is on its way; without it the next heartbeat's reply
  // goes on.
  peer->paused = true;
  VECTRON_ASSERT(peer->state == ProgressState::probe);
}

bool Raft::accepts_snapshot(const SnapshotMeta& meta) const {
  return role_ == Role::follower && meta.index > commit_index_ &&
         !log_.matches(meta.index, meta.term);
}

// The replica layer has made the snapshot durable (paper 7). The reply, an append_reply, goes to
// whoever leads now: what a snapshot holds is committed, so every later leader has it.
void Raft::handle_install_snapshot(Message message) {
  VECTRON_ASSERT(role_ == Role::follower);
  SnapshotMeta& meta = message.snapshot;
  VECTRON_ASSERT(meta.membership == membership(), "the snapshot at {} is of another membership",
                 meta.index);
  VECTRON_ASSERT(meta.term <= term_, "snapshot of term {} in term {}", meta.term, term_);
  if (accepts_snapshot(meta)) {
    persistence_.log_restored({.durable_max = commit_index_, .snapshot_index = meta.index});
    commit_index_ = meta.index;
    log_.restore(meta);
    snapshot_to_install_ = std::move(meta);
  } else if (meta.index > commit_index_) {
    // All of it is in the log already.
    commit_to(meta.index);
  }
  if (leader_)
    send_after_persist({.kind = MessageKind::append_reply, .to = leader_, .index = commit_index_});
}

}  // namespace vectron::raft
