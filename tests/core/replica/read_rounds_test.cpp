#include "core/replica/read_rounds.h"

#include <gtest/gtest.h>

#include "tests/support/plain_scheduler.h"

namespace vectron {
namespace {

const Status kGone(Code::unavailable, "it does not lead");

class ReadRoundsTest : public testing::Test {
 protected:
  PlainScheduler scheduler_;
  ReadRounds rounds_{scheduler_, 3};
};

TEST_F(ReadRoundsTest, ReadsThatComeLaterShareTheNextRound) {
  const auto first = rounds_.join();
  const auto id = rounds_.begin();
  ASSERT_TRUE(id.has_value());
  const auto second = rounds_.join();
  EXPECT_NE(first, second);
  EXPECT_EQ(second, rounds_.join());
  EXPECT_FALSE(rounds_.begin().has_value()) << "one is on its way";
  EXPECT_TRUE(rounds_.answered(*id, LogIndex(7)));
  EXPECT_EQ(*first->get(), LogIndex(7));
  EXPECT_FALSE(second->is_set()) << "the answer may be older than the read";
  const auto next = rounds_.begin();
  ASSERT_TRUE(next.has_value());
  EXPECT_NE(*next, *id);
}

TEST_F(ReadRoundsTest, NobodyWaitsNoRoundBegins) {
  EXPECT_FALSE(rounds_.begin().has_value());
}

TEST_F(ReadRoundsTest, AnotherStartsAnswersAreNotTaken) {
  const auto round = rounds_.join();
  const auto id = rounds_.begin();
  ReadRounds former(scheduler_, 2);
  const auto old_round = former.join();
  const auto old_id = former.begin();
  ASSERT_TRUE(id && old_id);
  EXPECT_NE(*id, *old_id);
  EXPECT_FALSE(rounds_.answered(*old_id, LogIndex(9)));
  rounds_.dropped(*old_id, kGone);
  EXPECT_FALSE(rounds_.answered(0, LogIndex(9)));
  EXPECT_FALSE(round->is_set());
  EXPECT_TRUE(rounds_.answered(*id, LogIndex(4)));
  EXPECT_FALSE(rounds_.answered(*id, LogIndex(4))) << "it has ended";
}

TEST_F(ReadRoundsTest, ARoundThatIsDroppedEndsAloneAndTheNextMayBegin) {
  const auto first = rounds_.join();
  const auto id = rounds_.begin();
  const auto second = rounds_.join();
  rounds_.dropped(*id, kGone);
  EXPECT_EQ(status_of(first->get()).code(), Code::unavailable);
  EXPECT_FALSE(second->is_set());
  EXPECT_TRUE(rounds_.begin().has_value());
}

TEST_F(ReadRoundsTest, AllAreRefused) {
  const auto first = rounds_.join();
  (void)rounds_.begin();
  const auto second = rounds_.join();
  rounds_.refuse_all(kGone);
  EXPECT_FALSE(first->get().has_value());
  EXPECT_FALSE(second->get().has_value());
  EXPECT_FALSE(rounds_.begin().has_value());
  EXPECT_NE(rounds_.join(), second);
}

}  // namespace
}  // namespace vectron
