#include "services/worker/work_cost.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

TEST(WorkCost, LetsALightSearchDoSeveralTimesWhatWasExpectedOfIt) {
  EXPECT_EQ(light_evaluations_max({.walked = 0, .scanned = 0}, 784), 1'000u);
  EXPECT_EQ(light_evaluations_max({.walked = 300, .scanned = 200}, 784), 3'000u);
}

// It may do so many three times: on its way, in the flat tail, and where it compares all.
TEST(WorkCost, KeepsALightSearchShortWhateverTheDimensionIs) {
  for (const uint64_t dimension : {1, 16, 784, 8'192, 65'536}) {
    index::SearchCost light;
    while (may_search_on_loop({.walked = light.walked + 1}, dimension)) ++light.walked;
    const uint64_t most = light_evaluations_max(light, dimension);
    const CpuCost cost = search_cost({.walked = most, .scanned = 2 * most}, dimension);
    EXPECT_LE(cost.nanoseconds, 5'000'000u) << dimension;
  }
}

TEST(WorkCost, TakesWhatBeganAgainForHeavyWhateverItWouldCost) {
  const index::SearchCost tiny{.walked = 10, .scanned = 0};
  EXPECT_TRUE(may_search_on_loop(tiny, 4));
  EXPECT_GT(heavy_search_cost(tiny, 4).nanoseconds, CpuCost::kLightNanosecondsMax);
}

}  // namespace
}  // namespace vectron
