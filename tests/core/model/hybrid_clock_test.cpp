#include "core/model/hybrid_clock.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

constexpr Duration kEpoch = std::chrono::seconds(1'700'000'000);

uint64_t milliseconds_of(uint64_t timestamp) {
  return timestamp >> HybridClock::kCounterBits;
}

TEST(HybridClock, FollowsTheWallClock) {
  HybridClock clock;
  const uint64_t first = clock.next(WallTime(kEpoch), Instant(5s));
  EXPECT_EQ(milliseconds_of(first), 1'700'000'000'000u);
  const uint64_t later = clock.next(WallTime(kEpoch + 3s), Instant(8s));
  EXPECT_EQ(milliseconds_of(later), 1'700'000'003'000u);
}

TEST(HybridClock, NeverFallsNorRepeats) {
  HybridClock clock;
  uint64_t last = 0;
  for (int i = 0; i < 1'000; ++i) {
    const uint64_t next = clock.next(WallTime(kEpoch - i * 1s), Instant(1s));
    EXPECT_GT(next, last);
    last = next;
  }
}

TEST(HybridClock, IsNotCarriedAwayByAStepForward) {
  HybridClock clock;
  clock.next(WallTime(kEpoch), Instant(0s));
  const uint64_t stepped = clock.next(WallTime(kEpoch + 24h), Instant(8s));
  EXPECT_EQ(milliseconds_of(stepped), 1'700'000'009'000u);  // 8 s and an eighth of them.
}

TEST(HybridClock, SlowsDownAfterAStepBackward) {
  HybridClock clock;
  clock.next(WallTime(kEpoch), Instant(0s));
  const uint64_t stepped = clock.next(WallTime(kEpoch - 24h), Instant(8s));
  EXPECT_EQ(milliseconds_of(stepped), 1'700'000'007'000u);
}

TEST(HybridClock, CatchesUpInTheEnd) {
  HybridClock clock;
  clock.next(WallTime(kEpoch), Instant(0s));
  uint64_t now = 0;
  for (int second = 1; second <= 100; ++second) {
    now = clock.next(WallTime(kEpoch + 10s + second * 1s), Instant(second * 1s));
  }
  EXPECT_EQ(milliseconds_of(now), 1'700'000'110'000u);
}

TEST(HybridClock, GoesOnAboveWhatItObservedWithoutRunningAhead) {
  HybridClock clock;
  const uint64_t ahead = (1'700'000'060'000ull << HybridClock::kCounterBits) + 7;
  clock.observe(ahead);
  EXPECT_EQ(clock.next(WallTime(kEpoch), Instant(0s)), ahead + 1);
  EXPECT_EQ(clock.next(WallTime(kEpoch + 1s), Instant(1s)), ahead + 2);
  EXPECT_EQ(milliseconds_of(clock.next(WallTime(kEpoch + 61s), Instant(61s))), 1'700'000'061'000u);
}

}  // namespace
}  // namespace vectron
