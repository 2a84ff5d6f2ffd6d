#include "core/replica/hand_over_watch.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

constexpr HandOverWatch::Sight kLogStands{.log_waits = true, .log_position = 4};
constexpr HandOverWatch::Sight kApplyStands{.apply_waits = true, .apply_position = 9};

void tick(HandOverWatch* watch, const HandOverWatch::Sight& sight, int times) {
  for (int i = 0; i < times; ++i) watch->tick(sight);
}

TEST(HandOverWatch, IsDueWhenEitherHasStoodStillForAnElectionTimeout) {
  for (const HandOverWatch::Sight& sight : {kLogStands, kApplyStands}) {
    HandOverWatch watch(10);
    tick(&watch, sight, 10);
    EXPECT_FALSE(watch.is_due(true));
    tick(&watch, sight, 1);
    EXPECT_TRUE(watch.is_due(true));
    watch.tick({});
    EXPECT_FALSE(watch.is_due(true)) << "nothing waits any more";
  }
}

TEST(HandOverWatch, IsNotDueWhileTheLogGetsOn) {
  HandOverWatch watch(10);
  for (uint64_t position = 1; position < 100; ++position) {
    watch.tick({.log_waits = true, .log_position = position});
    EXPECT_FALSE(watch.is_due(true));
  }
}

TEST(HandOverWatch, PausesAfterEachTryAndCountsThem) {
  HandOverWatch watch(10);
  tick(&watch, kLogStands, 11);
  EXPECT_EQ(watch.attempt(), 0u);
  watch.tried();
  EXPECT_EQ(watch.attempt(), 1u);
  tick(&watch, kLogStands, 19);
  EXPECT_FALSE(watch.is_due(true));
  tick(&watch, kLogStands, 1);
  EXPECT_TRUE(watch.is_due(true));
}

TEST(HandOverWatch, LeavesALogThatStandsStillEverywhere) {
  HandOverWatch log(10);
  tick(&log, kLogStands, 11);
  EXPECT_FALSE(log.is_due(false));
  HandOverWatch apply(10);
  tick(&apply, kApplyStands, 11);
  EXPECT_TRUE(apply.is_due(false)) << "what it has is durable, and its vote would be";
}

}  // namespace
}  // namespace vectron
