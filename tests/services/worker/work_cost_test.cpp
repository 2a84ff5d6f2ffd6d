#include "services/worker/work_cost.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

TEST(WorkCost, LetsALightSearchDoSeveralTimesWhatWasExpectedOfIt) {
  EXPECT_EQ(light_evaluations_max({.walked = 0, .scanned = 0}), 1'000u);
  EXPECT_EQ(light_evaluations_max({.walked = 300, .scanned = 200}), 3'000u);
}

TEST(WorkCost, TakesWhatBeganAgainForHeavyWhateverItWouldCost) {
  const index::SearchCost tiny{.walked = 10, .scanned = 0};
  EXPECT_TRUE(may_search_on_loop(tiny, 4));
  EXPECT_GT(heavy_search_cost(tiny, 4).nanoseconds, CpuCost::kLightNanosecondsMax);
}

}  // namespace
}  // namespace vectron
