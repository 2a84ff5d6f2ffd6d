#include <gtest/gtest.h>

#include "core/base/body_memory.h"
#include "core/base/progress_window.h"
#include "core/base/seldom.h"

namespace vectron {
namespace {

TEST(BodyMemory, CountsByHostAndKeepsAQuarterForSmallThings) {
  BodyMemory memory({.bytes_max = 1'000'000, .host_bytes_max = 400'000});
  BodyShare one(&memory, "10.0.0.1:1111");
  BodyShare same_host(&memory, "10.0.0.1:2222");
  BodyShare other(&memory, "[::1]:3333");
  HeldBytes held(&one, 250'000);
  EXPECT_TRUE(one.fits(50'000, 200'000));
  EXPECT_FALSE(one.fits(50'001, 200'000)) << "three quarters of the host's share";
  EXPECT_FALSE(same_host.fits(100'000));
  EXPECT_TRUE(same_host.fits(60'000)) << "small";
  EXPECT_TRUE(other.fits(300'000));
  HeldBytes more(&other, 390'000);
  EXPECT_FALSE(other.fits(11'000));
  EXPECT_EQ(memory.bytes(), 640'000U);
  HeldBytes moved(std::move(more));
  moved.set(10);
  EXPECT_EQ(memory.bytes(), 250'010U);
  EXPECT_EQ(memory.bytes_peak(), 640'000U);
}

TEST(ProgressWindow, WantsEnoughInEachWindowWhateverCameBefore) {
  const Instant begin{};
  ProgressWindow window({.window = 10s, .bytes_min = 100}, begin);
  window.moved(1'000'000);
  EXPECT_TRUE(window.goes_on(begin + 9s));
  EXPECT_TRUE(window.goes_on(begin + 10s));
  window.moved(99);
  EXPECT_TRUE(window.goes_on(begin + 19s));
  EXPECT_FALSE(window.goes_on(begin + 20s));
}

TEST(Seldom, LetsOneThroughInAWhileAndCountsTheOthers) {
  Seldom seldom(1s);
  const Instant begin{};
  EXPECT_EQ(seldom.note(begin), 1U);
  EXPECT_EQ(seldom.note(begin + 1ms), 0U);
  EXPECT_EQ(seldom.note(begin + 999ms), 0U);
  EXPECT_EQ(seldom.note(begin + 1s), 3U);
  EXPECT_EQ(seldom.note(begin + 1500ms), 0U);
}

}  // namespace
}  // namespace vectron
