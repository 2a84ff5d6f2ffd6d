// The votes of one election, or of one pre-vote round.
#pragma once

#include <vector>

#include "core/raft/quorum.h"
#include "core/raft/types.h"

namespace vectron::raft {

/// Counts each voter's first answer; later ones and those of strangers and learners are ignored.
class VoteTally {
 public:
  /// Begins a new election among `voters`.
  void reset(size_t voters);
  /// Requires: the caller knows that `voter` is a voter.
  void record(ReplicaId voter, bool granted);
  VoteOutcome outcome() const;
  size_t granted() const { return granted_; }
  size_t rejected() const { return answered_.size() - granted_; }

 private:
  size_t voters_ = 0;
  size_t granted_ = 0;
  std::vector<ReplicaId> answered_;
};

}  // namespace vectron::raft
