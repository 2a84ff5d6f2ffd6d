#include "core/raft/types.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::raft {

bool Membership::is_voter(ReplicaId id) const {
  return std::ranges::binary_search(voters, id);
}

bool Membership::contains(ReplicaId id) const {
  return is_voter(id) || std::ranges::binary_search(learners, id);
}

bool is_well_formed(const Message& message) {
  if (!message.from || !message.to || !message.term) return false;
  if (static_cast<uint8_t>(message.kind) >= kMessageKindCount) return false;
  if (!message.entries.empty() && message.kind != MessageKind::append) return false;
  if (message.log_term > message.term) return false;
  LogIndex index = message.index;
  Term term = message.log_term;
  for (const Entry& entry : message.entries) {
    if (entry.index != index + 1 || entry.term < term || entry.term > message.term) return false;
    if (entry.kind > EntryKind::barrier) return false;
    index = entry.index;
    term = entry.term;
  }
  return message.kind != MessageKind::install_snapshot || message.snapshot.index > LogIndex(0);
}

std::string_view to_string(EntryKind kind) {
  switch (kind) {
    case EntryKind::normal:
      return "normal";
    case EntryKind::noop:
      return "noop";
    case EntryKind::membership:
      return "membership";
    case EntryKind::barrier:
      return "barrier";
  }
  return "invalid";
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::follower:
      return "follower";
    case Role::pre_candidate:
      return "pre_candidate";
    case Role::candidate:
      return "candidate";
    case Role::leader:
      return "leader";
  }
  return "invalid";
}

std::string_view to_string(MessageKind kind) {
  switch (kind) {
    case MessageKind::pre_vote:
      return "pre_vote";
    case MessageKind::pre_vote_reply:
      return "pre_vote_reply";
    case MessageKind::vote:
      return "vote";
    case MessageKind::vote_reply:
      return "vote_reply";
    case MessageKind::append:
      return "append";
    case MessageKind::append_reply:
      return "append_reply";
    case MessageKind::heartbeat:
      return "heartbeat";
    case MessageKind::heartbeat_reply:
      return "heartbeat_reply";
    case MessageKind::install_snapshot:
      return "install_snapshot";
    case MessageKind::timeout_now:
      return "timeout_now";
    case MessageKind::read_index:
      return "read_index";
    case MessageKind::read_index_reply:
      return "read_index_reply";
  }
  return "invalid";
}

}  // namespace vectron::raft
