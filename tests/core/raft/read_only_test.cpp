#include "core/raft/read_only.h"

#include <gtest/gtest.h>

namespace vectron::raft {
namespace {

ReadOnly::Request request(uint64_t id, uint64_t index) {
  return {.request_id = id, .from = ReplicaId(1), .index = LogIndex(index)};
}

TEST(RaftReadOnly, ConfirmsReadsOfARoundInOrder) {
  ReadOnly reads(10);
  reads.add(request(1, 5));
  reads.add(request(2, 6));
  EXPECT_TRUE(reads.wants_round());
  EXPECT_EQ(reads.begin_round(), 1u);
  EXPECT_FALSE(reads.wants_round());
  const auto confirmed = reads.confirm(1);
  ASSERT_EQ(confirmed.size(), 2u);
  EXPECT_EQ(confirmed[0].request_id, 1u);
  EXPECT_EQ(confirmed[1].index, LogIndex(6));
  EXPECT_TRUE(reads.confirm(1).empty());
}

TEST(RaftReadOnly, DoesNotConfirmAReadByARoundThatBeganBeforeIt) {
  ReadOnly reads(10);
  reads.add(request(1, 5));
  reads.begin_round();
  reads.add(request(2, 5));
  EXPECT_FALSE(reads.wants_round());
  EXPECT_EQ(reads.confirm(1).size(), 1u);
  EXPECT_TRUE(reads.wants_round());
  EXPECT_EQ(reads.begin_round(), 2u);
  EXPECT_EQ(reads.confirm(2).size(), 1u);
}

TEST(RaftReadOnly, ConfirmsEarlierRoundsByALaterOne) {
  ReadOnly reads(10);
  reads.add(request(1, 5));
  reads.begin_round();
  reads.add(request(2, 5));
  reads.begin_round();
  EXPECT_EQ(reads.confirm(2).size(), 2u);
}

TEST(RaftReadOnly, RepeatsTheRoundWhenNothingJoinsIt) {
  ReadOnly reads(10);
  EXPECT_EQ(reads.begin_round(), 0u);
  reads.add(request(1, 5));
  EXPECT_EQ(reads.begin_round(), 1u);
  EXPECT_EQ(reads.begin_round(), 1u);
}

TEST(RaftReadOnly, PostponesReadsUntilTheCommitIndexIsKnown) {
  ReadOnly reads(10);
  reads.add(request(1, 0));
  EXPECT_FALSE(reads.wants_round());
  EXPECT_EQ(reads.begin_round(), 0u);
  reads.commit_known(LogIndex(9));
  EXPECT_TRUE(reads.wants_round());
  reads.begin_round();
  const auto confirmed = reads.confirm(1);
  ASSERT_EQ(confirmed.size(), 1u);
  EXPECT_EQ(confirmed[0].index, LogIndex(9));
}

TEST(RaftReadOnly, IsBounded) {
  ReadOnly reads(2);
  reads.add(request(1, 5));
  reads.add(request(2, 5));
  EXPECT_TRUE(reads.full());
}

TEST(RaftReadOnly, GivesEverythingBackOnReset) {
  ReadOnly reads(10);
  reads.add(request(1, 5));
  reads.begin_round();
  reads.add(request(2, 5));
  EXPECT_EQ(reads.reset().size(), 2u);
  EXPECT_EQ(reads.count(), 0u);
  EXPECT_EQ(reads.round(), 0u);
  EXPECT_FALSE(reads.wants_round());
}

}  // namespace
}  // namespace vectron::raft
