#include "core/raft/quorum.h"

#include <algorithm>
#include <array>
#include <functional>

#include "core/base/assert.h"
#include "core/raft/types.h"

namespace vectron::raft {

size_t quorum_size(size_t voters) {
  VECTRON_ASSERT(voters > 0 && voters <= kVotersMax, "voters {}", voters);
  return voters / 2 + 1;
}

uint64_t quorum_value(std::span<const uint64_t> values) {
  const size_t quorum = quorum_size(values.size());
  std::array<uint64_t, kVotersMax> sorted;
  const auto end = std::ranges::copy(values, sorted.begin()).out;
  // With the values falling, the one at place `quorum` has been reached by `quorum` voters.
  std::sort(sorted.begin(), end, std::greater<>());
  return sorted[quorum - 1];
}

VoteOutcome vote_outcome(VoteCount count) {
  VECTRON_ASSERT(count.granted + count.rejected <= count.voters, "{} granted, {} rejected of {}",
                 count.granted, count.rejected, count.voters);
  const size_t quorum = quorum_size(count.voters);
  if (count.granted >= quorum) return VoteOutcome::won;
  const size_t reachable = count.voters - count.rejected;
  return reachable < quorum ? VoteOutcome::lost : VoteOutcome::pending;
}

}  // namespace vectron::raft
