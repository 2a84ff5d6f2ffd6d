#include "services/worker/work_cost.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

bool is_light(CpuCost cost) {
  return cost.nanoseconds <= CpuCost::kLightNanosecondsMax;
}

TEST(WorkCost, NobodyWaitsForLinking) {
  EXPECT_TRUE(linking_cost(0, 1).background);
  EXPECT_FALSE(search_cost({.scanned = 80'000}, 8).background);
  EXPECT_GT(linking_cost(100'000, 128).nanoseconds, linking_cost(10'000, 128).nanoseconds);
}

TEST(WorkCost, AShardWaitsForMendingWhichIsNeverLight) {
  EXPECT_FALSE(mending_cost(0, 1).background);
  EXPECT_FALSE(is_light(mending_cost(0, 1)));
  EXPECT_GT(mending_cost(100'000, 128).nanoseconds, mending_cost(10'000, 128).nanoseconds);
}

TEST(WorkCost, AScanOfManyShortVectorsIsNotLight) {
  EXPECT_TRUE(is_light(search_cost({.scanned = 1'000}, 8)));
  EXPECT_FALSE(is_light(search_cost({.scanned = 80'000}, 8)));
}

TEST(WorkCost, AWalkOverShortVectorsIsLight) {
  EXPECT_TRUE(is_light(search_cost({.walked = 1'500}, 128)));
  EXPECT_FALSE(is_light(search_cost({.walked = 1'500}, 1'024)));
}

// A search that writes overtook again and again runs there, and holds it for its whole length.
TEST(WorkCost, OnlyShortSearchesRunOnTheEventLoop) {
  EXPECT_TRUE(may_search_on_loop({.walked = 1'500}, 128));
  EXPECT_FALSE(may_search_on_loop({.walked = 1'500}, 1'024));
  EXPECT_FALSE(may_search_on_loop({.scanned = 80'000}, 8));
}

TEST(WorkCost, TheTailOfAWalkCountsToo) {
  EXPECT_FALSE(is_light(search_cost({.walked = 100, .scanned = 80'000}, 8)));
}

}  // namespace
}  // namespace vectron
