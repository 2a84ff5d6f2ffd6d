#include "core/raft/message_check.h"

#include <algorithm>
#include <array>

#include "core/base/assert.h"

namespace vectron::raft {

namespace {

std::unexpected<Status> malformed(std::string message, std::string field) {
  return fail(Code::invalid_argument, std::move(message), std::move(field));
}

constexpr bool is_of_voters_only(MessageKind kind) {
  switch (kind) {
    case MessageKind::pre_vote:
    case MessageKind::pre_vote_reply:
    case MessageKind::vote:
    case MessageKind::vote_reply:
    case MessageKind::append:
    case MessageKind::heartbeat:
    case MessageKind::install_snapshot:
    case MessageKind::timeout_now:
    case MessageKind::read_index_reply:
      return true;
    case MessageKind::append_reply:
    case MessageKind::heartbeat_reply:
    case MessageKind::read_index:
      return false;
  }
  return true;
}

Result<void> check_ends(const Message& message, const MessageReceiver& receiver) {
  const Membership& membership = *receiver.membership;
  if (message.to != receiver.self)
    return fail(Code::failed_precondition, "the message is for another member", "to");
  if (message.from == receiver.self || !membership.contains(message.from))
    return fail(Code::failed_precondition, "the sender is no other member of the group", "from");
  if (is_of_voters_only(message.kind) && !membership.is_voter(message.from))
    return fail(Code::failed_precondition, "only a voter sends this", "from");
  return {};
}

Result<void> check_reach(const Message& message, Term own) {
  const auto beyond = [](std::string field) {
    return fail(Code::out_of_range, "no group comes so far", std::move(field));
  };
  if (message.term.value() > kTermMax) return beyond("term");
  if (message.term > own && message.term - own > kTermLeapMax)
    return fail(Code::out_of_range, "too far above this member's term", "term");
  const std::array<std::pair<LogIndex, const char*>, 4> indexes = {
      {{message.index, "index"},
       {message.commit_index, "commit_index"},
       {message.hint_index, "hint_index"},
       {message.snapshot.index, "snapshot.index"}}};
  for (const auto& [index, field] : indexes) {
    if (index.value() > kLogIndexMax) return beyond(field);
  }
  return {};
}

// Index 0 is the empty start, which has term 0; every entry has a term of its own.
bool is_position(LogIndex index, Term term) {
  return bool(index) == bool(term);
}

Result<void> check_entries(const Message& message) {
  for (const Entry& entry : message.entries) {
    if (!entry.term) return malformed("an entry has a term", "entries.term");
    if (entry.kind == EntryKind::membership)
      return malformed("a membership change cannot be proposed yet", "entries.kind");
    if (entry.kind == EntryKind::noop && entry.data != nullptr)
      return malformed("an entry that does nothing carries nothing", "entries.data");
  }
  return {};
}

Result<void> check_fields(const Message& message) {
  switch (message.kind) {
    case MessageKind::append:
      if (!is_position(message.index, message.log_term))
        return malformed("no entry has this index and term", "log_term");
      return check_entries(message);
    case MessageKind::pre_vote:
    case MessageKind::vote:
      if (!is_position(message.index, message.log_term))
        return malformed("no log ends with this index and term", "log_term");
      return {};
    case MessageKind::append_reply:
      if (message.hint_index > message.index || message.hint_term > message.term ||
          !is_position(message.hint_index, message.hint_term))
        return malformed("no log agrees there", "hint_index");
      return {};
    case MessageKind::install_snapshot:
      if (!message.snapshot.term || message.snapshot.term > message.term)
        return malformed("no snapshot has this index and term", "snapshot.term");
      return {};
    default:
      return {};
  }
}

}  // namespace

Result<void> check_message(const Message& message, const MessageReceiver& receiver) {
  VECTRON_ASSERT(receiver.membership != nullptr && receiver.membership->contains(receiver.self));
  VECTRON_CHECK_OK(check_ends(message, receiver));
  VECTRON_CHECK_OK(check_reach(message, receiver.term));
  if (!is_well_formed(message)) return malformed("the fields do not fit together", "kind");
  return check_fields(message);
}

}  // namespace vectron::raft
