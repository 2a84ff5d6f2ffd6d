// ReadIndex: linearizable reads without a log entry (dissertation 6.4).

#include <array>

#include "core/base/assert.h"
#include "core/raft/raft.h"

namespace vectron::raft {

Result<void> Raft::read_index(uint64_t request_id) {
  if (!is_leader()) {
    if (!leader_) return fail(Code::unavailable, "no leader is known; retry later");
    VECTRON_ASSERT(leader_ != config_.self);
    send({.kind = MessageKind::read_index, .to = leader_, .context = request_id});
    return {};
  }
  if (read_only_.full())
    return fail(Code::resource_exhausted, "too many reads wait for a quorum; retry later");
  add_read(request_id, config_.self);
  return {};
}

void Raft::handle_read_index(const Message& message) {
  VECTRON_ASSERT(message.from != config_.self);
  if (!is_leader() || read_only_.full()) return refuse_read(message.context, message.from);
  add_read(message.context, message.from);
}

void Raft::handle_read_index_reply(const Message& message) {
  if (message.rejected) {
    dropped_reads_.push_back(message.context);
  } else {
    reads_.push_back({.request_id = message.context, .index = message.index});
  }
}

void Raft::add_read(uint64_t request_id, ReplicaId from) {
  VECTRON_ASSERT(is_leader() && !read_only_.full());
  // Until it has committed an entry of its term, a new leader does not know what its predecessors
  // committed.
  const LogIndex index = has_committed_in_term() ? commit_index_ : LogIndex();
  const ReadOnly::Request request{.request_id = request_id, .from = from, .index = index};
  if (config_.planted.read_index_without_quorum && index) return answer_read(request);
  const bool joins_older_round = config_.planted.read_joins_older_round && index;
  joins_older_round ? read_only_.add_to_last_round(request) : read_only_.add(request);
  confirm_reads();
}

// Answers what a quorum has confirmed, then starts the next round if requests wait for one. A group
// of one voter confirms its own round at once.
void Raft::confirm_reads() {
  VECTRON_ASSERT(is_leader());
  while (read_only_.count() > 0) {
    std::array<uint64_t, kVotersMax> rounds;
    size_t count = 0;
    for (const Progress& peer : peers_) {
      if (peer.learner) continue;
      rounds[count++] = peer.id == config_.self ? read_only_.round() : peer.read_round;
    }
    for (const ReadOnly::Request& request :
         read_only_.confirm(quorum_value({rounds.data(), count})))
      answer_read(request);
    if (!read_only_.wants_round()) return;
    broadcast_heartbeat();
    // It says all that the next tick's heartbeat would. Followers that campaign soon hear both.
    if (config_.election_ticks >= 4 * config_.heartbeat_ticks) heartbeat_elapsed_ticks_ = 0;
  }
}

void Raft::answer_read(const ReadOnly::Request& request) {
  VECTRON_ASSERT(request.index && request.index <= commit_index_, "read at {}, committed {}",
                 request.index, commit_index_);
  if (request.from == config_.self) {
    reads_.push_back({.request_id = request.request_id, .index = request.index});
    return;
  }
  send({.kind = MessageKind::read_index_reply,
        .to = request.from,
        .index = request.index,
        .context = request.request_id});
}

void Raft::refuse_read(uint64_t request_id, ReplicaId from) {
  if (from == config_.self) {
    dropped_reads_.push_back(request_id);
    return;
  }
  VECTRON_ASSERT(membership().contains(from));
  send(
      {.kind = MessageKind::read_index_reply, .to = from, .rejected = true, .context = request_id});
}

void Raft::drop_reads() {
  VECTRON_ASSERT(!is_leader());
  for (const ReadOnly::Request& request : read_only_.reset())
    refuse_read(request.request_id, request.from);
  VECTRON_ASSERT(read_only_.count() == 0);
}

}  // namespace vectron::raft
