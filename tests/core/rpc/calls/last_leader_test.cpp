#include "core/rpc/calls/last_leader.h"

#include <gtest/gtest.h>

namespace vectron::rpc {
namespace {

TEST(LastLeader, IsWhoAnsweredLast) {
  LastLeader leader(1);
  EXPECT_EQ(leader.node(), 1U);
  leader.answered(2);
  EXPECT_EQ(leader.node(), 2U);
}

TEST(LastLeader, PassesOnToWhomItNamesOrToTheNext) {
  LastLeader leader(2);
  leader.pass_on(2, 3, std::nullopt);
  EXPECT_EQ(leader.node(), 0U);
  leader.pass_on(0, 3, 2);
  EXPECT_EQ(leader.node(), 2U);
}

TEST(LastLeader, IsNotOneThatNamesItselfAndDidNotAnswer) {
  LastLeader leader(1);
  leader.pass_on(1, 3, 1);
  EXPECT_EQ(leader.node(), 2U);
}

TEST(LastLeader, KeepsWhatAnotherCallHasLearntMeanwhile) {
  LastLeader leader(0);
  leader.answered(2);
  leader.pass_on(0, 3, 1);
  EXPECT_EQ(leader.node(), 2U);
}

}  // namespace
}  // namespace vectron::rpc
