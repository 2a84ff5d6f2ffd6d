#include "core/replica/stall_watch.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

TEST(StallWatch, CountsTicksInWhichNothingGetsOn) {
  StallWatch watch;
  watch.tick(true, 5);
  EXPECT_EQ(watch.stalled_ticks(), 0u);
  watch.tick(true, 5);
  watch.tick(true, 5);
  EXPECT_EQ(watch.stalled_ticks(), 2u);
  watch.tick(true, 6);
  EXPECT_EQ(watch.stalled_ticks(), 0u);
}

TEST(StallWatch, DoesNotCountIdleTicks) {
  StallWatch watch;
  for (int i = 0; i < 10; ++i) watch.tick(false, 0);
  EXPECT_EQ(watch.stalled_ticks(), 0u);
  watch.tick(true, 1);
  watch.tick(true, 1);
  watch.tick(false, 1);
  EXPECT_EQ(watch.stalled_ticks(), 0u);
}

}  // namespace
}  // namespace vectron
