#include "core/raft/votes.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::raft {

void VoteTally::reset(size_t voters) {
  VECTRON_ASSERT(voters > 0 && voters <= kVotersMax, "voters {}", voters);
  voters_ = voters;
  granted_ = 0;
  answered_.clear();
}

void VoteTally::record(ReplicaId voter, bool granted) {
  VECTRON_ASSERT(voters_ > 0);
  if (std::ranges::find(answered_, voter) != answered_.end()) return;
  answered_.push_back(voter);
  VECTRON_ASSERT(answered_.size() <= voters_, "{} answers of {} voters", answered_.size(), voters_);
  if (granted) ++granted_;
}

VoteOutcome VoteTally::outcome() const {
  return vote_outcome({.voters = voters_, .granted = granted_, .rejected = rejected()});
}

}  // namespace vectron::raft
