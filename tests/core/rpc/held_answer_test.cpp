#include "core/rpc/held_answer.h"

#include <gtest/gtest.h>

namespace vectron::rpc {
namespace {

TEST(HeldAnswer, CountsUntilItsRequestIsOver) {
  BodyMemory memory({.bytes_max = 1'000'000});
  BodyShare share(&memory, "10.0.0.1:1");
  Metrics metrics;
  std::optional<AnswerOfRequest> answer(std::in_place, &share, &metrics);
  const std::shared_ptr<AnswerRoom> room = answer->room();
  EXPECT_TRUE(room->hold(200'000));
  EXPECT_TRUE(room->hold(300'000)) << "all that there is of it, not more of it";
  EXPECT_EQ(memory.bytes(), 300'000U);
  EXPECT_FALSE(room->hold(500'001));
  EXPECT_FALSE(room->hold(600'000));
  EXPECT_EQ(memory.bytes(), 300'000U);
  EXPECT_EQ(answer->granted_bytes(), 300'000U);
  EXPECT_EQ(metrics.value(Metric::rpc_answers_dropped), 1U) << "one answer";
  answer.reset();
  EXPECT_EQ(memory.bytes(), 0U);
  EXPECT_FALSE(room->hold(1)) << "nobody takes it any more";
}

TEST(HeldAnswer, FindsRoomForASmallOneAmongLargeThings) {
  BodyMemory memory({.bytes_max = 1'000'000});
  BodyShare share(&memory, "10.0.0.1:1");
  Metrics metrics;
  const HeldBytes writes(&share, 900'000);
  const AnswerOfRequest answer(&share, &metrics);
  EXPECT_FALSE(answer.room()->hold(70'000));
  EXPECT_TRUE(answer.room()->hold(60'000));
}

}  // namespace
}  // namespace vectron::rpc
