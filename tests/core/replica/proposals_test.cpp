#include "core/replica/proposals.h"

#include <gtest/gtest.h>

#include "tests/support/plain_scheduler.h"

namespace vectron {
namespace {

raft::Entry entry(uint64_t index, uint64_t term) {
  return {.term = Term(term), .index = LogIndex(index)};
}

class ProposalsTest : public testing::Test {
 protected:
  PlainScheduler scheduler_;
  Proposals proposals_{scheduler_};
};

TEST_F(ProposalsTest, TheEntryOfItsIndexAndTermAnswersAProposal) {
  const auto first = proposals_.add(LogIndex(5), Term(2));
  const auto second = proposals_.add(LogIndex(6), Term(2));
  proposals_.applied(entry(4, 2), Bytes{4});
  EXPECT_FALSE(first->is_set());
  proposals_.applied(entry(5, 2), Bytes{5});
  ASSERT_TRUE(first->is_set());
  EXPECT_EQ(first->get()->index, LogIndex(5));
  EXPECT_EQ(first->get()->answer, Bytes{5});
  EXPECT_FALSE(second->is_set());
  EXPECT_EQ(proposals_.size(), 1u);
}

TEST_F(ProposalsTest, AnEntryOfAnotherTermInItsPlaceAbortsIt) {
  const auto outcome = proposals_.add(LogIndex(5), Term(2));
  proposals_.applied(entry(5, 3), Bytes{5});
  ASSERT_TRUE(outcome->is_set());
  EXPECT_EQ(status_of(outcome->get()).code(), Code::aborted);
  EXPECT_EQ(proposals_.size(), 0u);
}

// The index may be another proposal's by then.
TEST_F(ProposalsTest, OnlyTheOneThatIsNotWaitedForIsForgotten) {
  const auto former = proposals_.add(LogIndex(5), Term(2));
  const auto latter = proposals_.add(LogIndex(5), Term(3));
  proposals_.forget(LogIndex(5), former);
  proposals_.applied(entry(5, 3), Bytes{5});
  EXPECT_FALSE(former->is_set());
  EXPECT_TRUE(latter->is_set());
  const auto last = proposals_.add(LogIndex(6), Term(3));
  proposals_.forget(LogIndex(6), last);
  EXPECT_EQ(proposals_.size(), 0u);
}

TEST_F(ProposalsTest, AllAreRefusedOnce) {
  const auto first = proposals_.add(LogIndex(5), Term(2));
  const auto second = proposals_.add(LogIndex(6), Term(2));
  proposals_.refuse_all(Status(Code::unknown_outcome, "it stopped"));
  EXPECT_EQ(status_of(first->get()).code(), Code::unknown_outcome);
  EXPECT_EQ(status_of(second->get()).code(), Code::unknown_outcome);
  EXPECT_EQ(proposals_.size(), 0u);
}

}  // namespace
}  // namespace vectron
