// hand_over_target: to whom a leader that is about to go, or whose disk stalls, leaves its group.
#pragma once

#include <optional>

#include "core/raft/raft.h"

namespace vectron {

/// The voter that was heard of lately and has most of the log, the one of the smallest id among
/// equals, at the first try; the next best at each further `attempt` (from 0), round and round,
/// because a target may be no better off. Nothing when nobody can take over. Requires: `status` is
/// a leader's.
std::optional<ReplicaId> hand_over_target(const raft::RaftStatus& status, uint64_t attempt = 0);

/// Whether others can elect a successor while this leader's log stands still, so that its own vote
/// would not be written down: a quorum of members that were heard of lately and have durable what
/// this leader has not, or are getting a snapshot. One that has no more than this leader may stand
/// still as well. Requires: `status` is a leader's.
bool others_can_vote(const raft::RaftStatus& status);

}  // namespace vectron
