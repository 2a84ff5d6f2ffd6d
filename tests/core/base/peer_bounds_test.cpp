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

TEST(BodyMemory, LetsAHostThatUsedItsShareKeepNobodyElseOut) {
  constexpr size_t kHostBytes = 1'500'000;
  BodyMemory memory({.bytes_max = 2 * kHostBytes, .host_bytes_max = kHostBytes});
  BodyShare hostile(&memory, "10.0.0.1:1");
  BodyShare honest(&memory, "10.0.0.2:1");
  EXPECT_TRUE(hostile.takes_answer(60'000, 0));
  EXPECT_FALSE(hostile.must_read_first(BodyShare::kUnreadBytesMax + 1));
  const HeldBytes held(&hostile, kHostBytes - 10'000);
  EXPECT_FALSE(hostile.takes_answer(20'000, 0)) << "however little waits for this connection";
  EXPECT_TRUE(hostile.takes_answer(10'000, 0));
  EXPECT_TRUE(hostile.must_read_first(BodyShare::kRefusalBytesMax + 1));
  EXPECT_FALSE(hostile.must_read_first(BodyShare::kRefusalBytesMax));
  EXPECT_TRUE(honest.takes_answer(60'000, 0));
  EXPECT_TRUE(honest.fits(60'000));
  // Where others have used up all, each may have a little all the same.
  const HeldBytes writes(&hostile, kHostBytes + 10'000);
  EXPECT_TRUE(honest.takes_answer(60'000, BodyShare::kUnreadBytesMax));
  EXPECT_FALSE(honest.takes_answer(60'000, BodyShare::kUnreadBytesMax + 1));
  EXPECT_FALSE(honest.takes_answer(70'000, 0));
  EXPECT_TRUE(honest.must_read_first(BodyShare::kUnreadBytesMax + 1));
}

TEST(BodyMemory, KeepsAQuarterOfAHostsShareForItsSmallAnswers) {
  BodyMemory memory({.bytes_max = 10'000'000, .host_bytes_max = 400'000});
  BodyShare share(&memory, "10.0.0.1:1");
  EXPECT_TRUE(share.fits_host(300'000));
  EXPECT_FALSE(share.fits_host(300'001));
  const HeldBytes held(&share, 300'000);
  EXPECT_FALSE(share.takes_answer(BodyMemory::kSmallBytesMax + 1, 0));
  EXPECT_TRUE(share.takes_answer(BodyMemory::kSmallBytesMax, 0));
}

TEST(BodyMemory, LeavesRoomForAnswersBesideWhatArrivesAndTheOtherWayRound) {
  BodyMemory memory({.bytes_max = 1'600'000, .host_bytes_max = 800'000});
  BodyShare share(&memory, "10.0.0.1:1");
  constexpr auto kAnswer = HeldBytes::Of::answer_in_the_making;
  {
    const HeldBytes answers(&share, 400'000, kAnswer);
    EXPECT_FALSE(share.fits_answer(1)) << "a half";
    EXPECT_TRUE(share.fits(200'000)) << "what arrives, up to three quarters in all";
  }
  const HeldBytes writes(&share, 600'000);
  EXPECT_FALSE(share.fits(70'000));
  EXPECT_TRUE(share.fits_answer(100'000)) << "up to seven eighths in all";
  EXPECT_FALSE(share.fits_answer(100'001));
  const HeldBytes answer(&share, 100'000, kAnswer);
  EXPECT_TRUE(share.fits(60'000)) << "small";
}

TEST(BodyMemory, BoundsTheAnswersOfAllHosts) {
  BodyMemory memory({.bytes_max = 1'000'000, .host_bytes_max = 800'000});
  BodyShare one(&memory, "10.0.0.1:1");
  BodyShare other(&memory, "10.0.0.2:1");
  const HeldBytes answer(&one, 300'000, HeldBytes::Of::answer_in_the_making);
  EXPECT_TRUE(other.fits_answer(200'000));
  EXPECT_FALSE(other.fits_answer(200'001));
}

TEST(BodyMemory, ForgetsHostsThatHaveGone) {
  BodyMemory memory({.bytes_max = 1'000});
  std::optional<BodyShare> one(std::in_place, &memory, "10.0.0.1:1");
  const BodyShare other(&memory, "10.0.0.2:1");
  EXPECT_EQ(memory.hosts(), 2U);
  one.reset();
  EXPECT_EQ(memory.hosts(), 1U);
}

TEST(BodyMemory, CountsTheConnectionsOfAHost) {
  BodyMemory memory({.bytes_max = 1'000});
  EXPECT_EQ(memory.connections_from("10.0.0.1:1"), 0U);
  const BodyShare one(&memory, "10.0.0.1:1111");
  {
    const BodyShare same_host(&memory, "10.0.0.1:2222");
    const BodyShare other(&memory, "[::1]:3333");
    EXPECT_EQ(memory.connections_from("10.0.0.1:9"), 2U);
    EXPECT_EQ(memory.connections_from("[::1]:9"), 1U);
  }
  EXPECT_EQ(memory.connections_from("10.0.0.1:9"), 1U);
  EXPECT_EQ(memory.connections_from("[::1]:9"), 0U);
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
  window.moved(100);
  EXPECT_TRUE(window.goes_on(begin + 30s)) << "just enough";
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
