// birth_step: when a member of a configured group may be made, and when it may take part.
//
// The group's members are configured, not given out, so nothing but the other members can say
// whether a folder that is missing here is a beginning or a loss. Two rules keep the two apart:
// nobody takes part before every member is born, and nobody is born after somebody took part. A
// member that lost its disk therefore finds another one that took part, or one that does not
// answer, and is never made again with an empty log. docs/decisions/0013-configured-groups.md.
//
// Pure: the asking is done by GroupBirth.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "schemas/raft_messages.h"

namespace vectron {

enum class BirthStep : uint8_t {
  /// Ask the others again later.
  wait,
  /// Make the replica, with an empty log.
  bear,
  /// The replica may vote.
  start,
  /// The group lives and this member's part of it is gone.
  refuse,
};

/// `own`: what this node's disk holds. `others`: what the other members said, nothing for those
/// that did not answer.
BirthStep next_birth_step(wire::GroupPresence own,
                          std::span<const std::optional<wire::GroupPresence>> others);

}  // namespace vectron
