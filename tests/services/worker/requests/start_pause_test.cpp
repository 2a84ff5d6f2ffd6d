#include "services/worker/start_pause.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

TEST(StartPause, DoublesUpToABound) {
  StartPause pause;
  Instant now{};
  EXPECT_TRUE(pause.is_over(now));
  Duration expected = StartPause::kMin;
  for (int round = 0; round < 10; ++round) {
    pause.failed(now);
    EXPECT_FALSE(pause.is_over(now));
    EXPECT_FALSE(pause.is_over(now + expected - Duration(1)));
    EXPECT_TRUE(pause.is_over(now + expected));
    now += expected;
    expected = std::min(2 * expected, StartPause::kMax);
  }
  EXPECT_EQ(expected, StartPause::kMax);
}

}  // namespace
}  // namespace vectron
