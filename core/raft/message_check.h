// The door of Raft: which messages from outside a member looks at.
//
// A pure function of the message and of what the member knows. Whatever it lets through could have
// been sent by a right member of the group: it meets no assertion, and what it makes the member
// write is what such a member may make it write. It cannot tell a forged message from a true one
// that says the same; the layer above knows who is connected. docs/internals/raft.md.
#pragma once

#include "core/base/result.h"
#include "core/raft/types.h"

namespace vectron::raft {

/// How far a message's term may be above the receiver's. A member that was away has missed at most
/// so many elections: at one a second, half a year of nothing else. Whoever wants to use up all
/// terms needs 2^38 messages.
inline constexpr uint64_t kTermLeapMax = uint64_t{1} << 24;
/// Beyond any term and any index that a group can come to; there is room above for counting on.
inline constexpr uint64_t kTermMax = uint64_t{1} << 62;
inline constexpr uint64_t kLogIndexMax = uint64_t{1} << 62;

/// What the receiver knows.
struct MessageReceiver {
  ReplicaId self;
  Term term;
  const Membership* membership = nullptr;
};

/// Errors: failed_precondition (`from`: no other member, or one that may not send this kind; `to`:
/// not this member), invalid_argument (fields do not fit together), out_of_range (a term or an
/// index that is out of reach). The field is named.
Result<void> check_message(const Message& message, const MessageReceiver& receiver);

}  // namespace vectron::raft
