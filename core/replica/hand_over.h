// hand_over_target: to whom a leader that is about to go leaves its group.
#pragma once

#include <optional>

#include "core/raft/raft.h"

namespace vectron {

/// The voter that was heard of lately and has most of the log, the one of the smallest id among
/// equals; nothing when nobody can take over. Requires: `status` is a leader's. O(peers).
std::optional<ReplicaId> hand_over_target(const raft::RaftStatus& status);

}  // namespace vectron
