#include "core/raft/quorum.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

#include "core/raft/types.h"
#include "core/raft/votes.h"

namespace vectron::raft {
namespace {

std::vector<uint64_t> values_of_voters() {
  const auto size = *rc::gen::inRange<size_t>(1, kVotersMax + 1);
  return *rc::gen::container<std::vector<uint64_t>>(size, rc::gen::inRange<uint64_t>(0, 12));
}

TEST(RaftQuorum, IsAMajority) {
  EXPECT_EQ(quorum_size(1), 1u);
  EXPECT_EQ(quorum_size(2), 2u);
  EXPECT_EQ(quorum_size(3), 2u);
  EXPECT_EQ(quorum_size(4), 3u);
  EXPECT_EQ(quorum_size(5), 3u);
}

TEST(RaftQuorum, AnyTwoShareAMember) {
  for (size_t voters = 1; voters <= kVotersMax; ++voters) {
    EXPECT_GT(2 * quorum_size(voters), voters);
    EXPECT_LE(2 * (quorum_size(voters) - 1), voters);
  }
}

// The twin tries each value from the top and counts who has reached it.
RC_GTEST_PROP(RaftQuorum, ValueIsTheHighestThatAQuorumHasReached, ()) {
  const std::vector<uint64_t> values = values_of_voters();
  uint64_t expected = 0;
  for (uint64_t candidate = 12; candidate > 0 && expected == 0; --candidate) {
    size_t reached = 0;
    for (uint64_t value : values) reached += value >= candidate ? 1 : 0;
    if (reached >= quorum_size(values.size())) expected = candidate;
  }
  RC_ASSERT(quorum_value(values) == expected);
}

RC_GTEST_PROP(RaftQuorum, ValueNeverFallsWhenAVoterAdvances, ()) {
  std::vector<uint64_t> values = values_of_voters();
  const uint64_t before = quorum_value(values);
  values[*rc::gen::inRange<size_t>(0, values.size())] += *rc::gen::inRange<uint64_t>(0, 5);
  RC_ASSERT(quorum_value(values) >= before);
}

// The twin plays out both extremes for the voters that have not answered.
RC_GTEST_PROP(RaftQuorum, VoteIsDecidedWhenNoAnswerCanChangeIt, ()) {
  const auto voters = *rc::gen::inRange<size_t>(1, kVotersMax + 1);
  const auto granted = *rc::gen::inRange<size_t>(0, voters + 1);
  const auto rejected = *rc::gen::inRange<size_t>(0, voters - granted + 1);
  const bool wins_at_worst = 2 * granted > voters;
  const bool wins_at_best = 2 * (voters - rejected) > voters;
  const VoteOutcome expected = wins_at_worst  ? VoteOutcome::won
                               : wins_at_best ? VoteOutcome::pending
                                              : VoteOutcome::lost;
  RC_ASSERT(vote_outcome({.voters = voters, .granted = granted, .rejected = rejected}) == expected);
}

TEST(RaftVotes, CountsEachVoterOnce) {
  VoteTally votes;
  votes.reset(5);
  votes.record(ReplicaId(1), true);
  votes.record(ReplicaId(2), true);
  votes.record(ReplicaId(2), true);
  EXPECT_EQ(votes.outcome(), VoteOutcome::pending);
  EXPECT_EQ(votes.granted(), 2u);
  votes.record(ReplicaId(3), true);
  EXPECT_EQ(votes.outcome(), VoteOutcome::won);
}

TEST(RaftVotes, KeepsTheFirstAnswerOfAVoter) {
  VoteTally votes;
  votes.reset(3);
  votes.record(ReplicaId(2), false);
  votes.record(ReplicaId(2), true);
  votes.record(ReplicaId(3), false);
  EXPECT_EQ(votes.outcome(), VoteOutcome::lost);
  EXPECT_EQ(votes.rejected(), 2u);
}

TEST(RaftVotes, BeginsAnew) {
  VoteTally votes;
  votes.reset(1);
  votes.record(ReplicaId(1), true);
  EXPECT_EQ(votes.outcome(), VoteOutcome::won);
  votes.reset(3);
  EXPECT_EQ(votes.outcome(), VoteOutcome::pending);
  EXPECT_EQ(votes.granted(), 0u);
}

}  // namespace
}  // namespace vectron::raft
