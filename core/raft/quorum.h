// Majority arithmetic: pure functions over what the voters have acknowledged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace vectron::raft {

enum class VoteOutcome : uint8_t { pending, won, lost };

/// The smallest number of voters that any two of share a member. Requires: voters > 0.
size_t quorum_size(size_t voters);

/// The largest value that a quorum of the voters has reached, given each voter's value. Requires: 1
/// to kVotersMax values.
uint64_t quorum_value(std::span<const uint64_t> values);

/// How an election of `voters` stands. Requires: granted + rejected <= voters, voters > 0.
struct VoteCount {
  size_t voters = 0;
  size_t granted = 0;
  size_t rejected = 0;
};
VoteOutcome vote_outcome(VoteCount count);

}  // namespace vectron::raft
