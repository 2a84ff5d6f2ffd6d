#include "core/rpc/request_context.h"

#include <gtest/gtest.h>

#include "core/base/memory_refusal.h"

namespace vectron {
namespace {

TEST(RequestContext, AnAnswerWithoutRoomIsRefusedLikeEverythingThatFindsNoMemory) {
  const Status refusal = memory_refusal("answers that wait for their readers");
  EXPECT_EQ(no_room_for_answer(), refusal);
  EXPECT_TRUE(refusal.message().contains(kPeersHoldAll));
}

}  // namespace
}  // namespace vectron
