#include "core/rpc/calls/attempts.h"

#include <gtest/gtest.h>

namespace vectron::rpc {
namespace {

constexpr AttemptLimits kLimits{.attempts_max = 8, .backoff_min = 10ms, .backoff_max = 40ms};

TEST(Attempts, AsksEveryNodeOfARoundWithoutPause) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 3, 1);
  EXPECT_EQ(attempts.target(), 1U);
  EXPECT_TRUE(attempts.advance(std::nullopt));
  EXPECT_EQ(attempts.target(), 2U);
  EXPECT_EQ(attempts.pause(), 0ns);
  EXPECT_TRUE(attempts.advance(std::nullopt));
  EXPECT_EQ(attempts.target(), 0U);
  EXPECT_EQ(attempts.pause(), 0ns);
}

TEST(Attempts, PausesBetweenRoundsLongerAndLongerUpToTheBound) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 1, 0);
  for (const Duration most : {10ms, 20ms, 40ms, 40ms}) {
    EXPECT_TRUE(attempts.advance(std::nullopt));
    EXPECT_LE(attempts.pause(), most);
    EXPECT_GE(attempts.pause(), most / 2);
  }
}

TEST(Attempts, FollowsAHintAtOnceButOnlyOneInARound) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 2, 0);
  EXPECT_TRUE(attempts.advance(1));
  EXPECT_EQ(attempts.target(), 1U);
  EXPECT_EQ(attempts.pause(), 0ns);
  // The two name each other: the walk goes on as if nobody had, and ends its round.
  EXPECT_TRUE(attempts.advance(0));
  EXPECT_TRUE(attempts.advance(1));
  EXPECT_GT(attempts.pause(), 0ns);
}

TEST(Attempts, IgnoresAHintThatIsNoTarget) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 2, 0);
  EXPECT_TRUE(attempts.advance(7));
  EXPECT_EQ(attempts.target(), 1U);
}

TEST(Attempts, EndAtTheirBound) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 3, 0);
  for (int i = 1; i < 8; ++i) EXPECT_TRUE(attempts.advance(std::nullopt)) << i;
  EXPECT_FALSE(attempts.advance(std::nullopt));
}

TEST(Attempts, KeepTheirCountOverARestart) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 3, 0);
  for (int i = 1; i < 8; ++i) {
    EXPECT_TRUE(attempts.advance(std::nullopt));
    attempts.restart(5, 4);
    EXPECT_EQ(attempts.target(), 4U);
  }
  EXPECT_FALSE(attempts.advance(std::nullopt));
}

}  // namespace
}  // namespace vectron::rpc
