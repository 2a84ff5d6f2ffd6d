#include "services/worker/answer_turns.h"

#include <gtest/gtest.h>

#include "tests/core/rpc/rpc_env.h"

namespace vectron {
namespace {

using testing::Background;
using testing::RpcWorld;

constexpr NodeId kOne{1};
constexpr NodeId kOther{2};

TEST(AnswerTurns, AreOneAfterTheOtherForEachPeer) {
  RpcWorld world;
  AnswerTurns turns(&world.scheduler);
  auto first = std::make_unique<Background<AnswerTurns::Turn>>(world.scheduler, turns.take(kOne));
  Background<AnswerTurns::Turn> second(world.scheduler, turns.take(kOne));
  Background<AnswerTurns::Turn> of_other(world.scheduler, turns.take(kOther));
  world.run_for(1s);
  EXPECT_TRUE(first->done());
  EXPECT_FALSE(second.done());
  EXPECT_TRUE(of_other.done());
  EXPECT_EQ(turns.peers(), 2U);
  first.reset();
  world.run_for(1s);
  EXPECT_TRUE(second.done());
}

TEST(AnswerTurns, PassOverThoseThatNobodyWaitsForAnyMore) {
  RpcWorld world;
  AnswerTurns turns(&world.scheduler);
  auto first = std::make_unique<Background<AnswerTurns::Turn>>(world.scheduler, turns.take(kOne));
  auto given_up =
      std::make_unique<Background<AnswerTurns::Turn>>(world.scheduler, turns.take(kOne));
  Background<AnswerTurns::Turn> third(world.scheduler, turns.take(kOne));
  world.run_for(1s);
  given_up.reset();
  first.reset();
  world.run_for(1s);
  EXPECT_TRUE(third.done());
}

TEST(AnswerTurns, ForgetPeersOfWhichNothingIsRead) {
  RpcWorld world;
  AnswerTurns turns(&world.scheduler);
  for (uint64_t peer = 1; peer <= 100; ++peer) {
    const Background<AnswerTurns::Turn> turn(world.scheduler, turns.take(NodeId(peer)));
    world.run_for(1ms);
    ASSERT_TRUE(turn.done());
  }
  EXPECT_EQ(turns.peers(), 1U);
}

}  // namespace
}  // namespace vectron
