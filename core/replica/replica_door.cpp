// The door of a Replica: what the wire brings is looked at before Raft or the disk sees it.
//
// Raft says whether a right member could have sent a message (core/raft/message_check.h). What it
// cannot know is added here: which node is connected, and what a command is.
#include "core/replica/replica.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "replica";
/// Records that may wait for the log. More come only where a disk stands still: what brings them is
/// dropped, as if it had been lost on the way.
constexpr size_t kPersistWaitingMax = 4'096;

}  // namespace

void Replica::step_all(NodeId peer, std::vector<raft::Message> messages, size_t* apply_bytes_left) {
  if (raft_ == nullptr || !failure_.ok()) return;
  for (raft::Message& message : messages) {
    if (persist_queue_.size() >= kPersistWaitingMax) break;
    const auto admitted = admit(peer, message);
    if (!admitted.has_value()) {
      note_refused(peer, admitted.error());
      continue;
    }
    raft_->step(std::move(message));
  }
  pump_within(apply_bytes_left);
}

Result<void> Replica::check_sender(NodeId peer, ReplicaId from) const {
  for (const ReplicaMember& member : spec_.members) {
    if (member.replica == from && member.node == peer) return {};
  }
  return fail(Code::failed_precondition, "the sender does not live on the node that is connected",
              "from");
}

Result<void> Replica::admit(NodeId peer, const raft::Message& message) const {
  if (parts_.env->planted("trust_any_peer")) return {};
  if (message.kind == raft::MessageKind::install_snapshot) {
    return fail(Code::invalid_argument, "a snapshot comes as a stream", "kind");
  }
  VECTRON_CHECK_OK(check_sender(peer, message.from));
  VECTRON_CHECK_OK(raft_->admits(message));
  for (const raft::Entry& entry : message.entries) {
    if (entry.kind != raft::EntryKind::normal) continue;
    VECTRON_CHECK_OK(state_machine_->check(raft::view(entry.data), config_.kv.batch_bytes_max));
  }
  return {};
}

Result<void> Replica::admit_snapshot(NodeId peer, const SnapshotPiece& piece) const {
  VECTRON_CHECK_OK(check_sender(peer, piece.from));
  raft::Message message;
  message.kind = raft::MessageKind::install_snapshot;
  message.from = piece.from;
  message.to = piece.to;
  message.term = piece.term;
  message.snapshot = piece.meta;
  VECTRON_CHECK_OK(raft_->admits(message));
  if (piece.meta.membership == raft_->membership()) return {};
  return fail(Code::invalid_argument, "the snapshot is of another membership", "membership");
}

// A peer may send any number of them: the log tells of the first, and then of ever fewer.
void Replica::note_refused(NodeId peer, const Status& why) {
  parts_.env->metrics().add(Metric::raft_messages_refused);
  ++refused_messages_;
  const bool is_power_of_two = (refused_messages_ & (refused_messages_ - 1)) == 0;
  if (!is_power_of_two) return;
  parts_.env->log().warning(kComponent, "replica {} of group {}: message {} of node {} refused: {}",
                            spec_.self, spec_.group, refused_messages_, peer, why.to_string());
}

}  // namespace vectron
