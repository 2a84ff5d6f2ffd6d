#include "services/gateway/shard_inquiry.h"

#include <gtest/gtest.h>

#include "core/env/refused.h"
#include "tests/services/gateway/fake_cluster.h"

namespace vectron::gateway {
namespace {

constexpr Instant kNow{100s};
constexpr rpc::InquiryLimits kLimits{};

class ShardInquiryTest : public testing::Test {
 protected:
  ShardInquiryTest() {
    shard_.id = ShardId(7);
    for (uint64_t node = 1; node <= 3; ++node) {
      shard_.members.push_back({NodeId(node), Address{fmt::format("@w{}:1", node)}});
    }
  }
  ShardInquiry inquiry(Access access, bool any_replica = false) {
    return ShardInquiry(kLimits, &random_, {nullptr, access, any_replica}, shard_, kNow,
                        kNow + 10s);
  }

  RandomStream random_{1};
  Route::Shard shard_;
};

const Status kSilent(Code::unavailable, "no connection");
const Status kStale(Code::failed_precondition, "the epoch is old");
const Status kDamaged(Code::data_loss, "damaged", "shard_id");

TEST_F(ShardInquiryTest, BeginsAtTheLeaderAndFollowsAHint) {
  shard_.leader.answered(1);
  ShardInquiry asked = inquiry(Access::write);
  EXPECT_EQ(asked.member(), 1U);
  EXPECT_EQ(asked.judge(not_leader(1), shard_), Result<bool>(false));
  EXPECT_EQ(asked.member(), 0U);
  EXPECT_EQ(asked.next(kNow), Result<Instant>(kNow));
}

TEST_F(ShardInquiryTest, FetchesTheRouteOnceWhenItIsKnownToBeStale) {
  ShardInquiry asked = inquiry(Access::read);
  EXPECT_EQ(asked.judge(kStale, shard_), Result<bool>(true));
  // One that failed says nothing.
  asked.refreshed(false);
  EXPECT_EQ(asked.judge(not_leader(99), shard_), Result<bool>(true));
  asked.refreshed(true);
  asked.restart(shard_);
  EXPECT_EQ(asked.judge(kStale, shard_), Result<bool>(false));
}

TEST_F(ShardInquiryTest, FetchesTheRouteAfterARoundInVainOnce) {
  ShardInquiry asked = inquiry(Access::read);
  std::vector<bool> fetched;
  for (int i = 0; i < 6; ++i) {
    const Result<bool> stale = asked.judge(kSilent, shard_);
    ASSERT_TRUE(stale.has_value());
    if (*stale) asked.refreshed(true);
    fetched.push_back(*stale);
  }
  EXPECT_EQ(fetched, (std::vector<bool>{false, false, true, false, false, false}));
}

TEST_F(ShardInquiryTest, SaysAtOnceThatTooManyCopiesAreDamaged) {
  ShardInquiry asked = inquiry(Access::write);
  EXPECT_EQ(asked.judge(kDamaged, shard_), Result<bool>(false));
  // Unless it has moved to members that are whole.
  EXPECT_EQ(asked.judge(kDamaged, shard_), Result<bool>(true));
  asked.refreshed(true);
  const Result<bool> told = asked.judge(kDamaged, shard_);
  ASSERT_FALSE(told.has_value());
  EXPECT_EQ(told.error().code(), Code::data_loss);
  EXPECT_EQ(told.error().message(), "shard 7: 3 of its 3 copies are damaged: damaged");
}

TEST_F(ShardInquiryTest, NamesTheShardInWhatItTells) {
  ShardInquiry asked = inquiry(Access::write);
  const Result<bool> told =
      asked.judge(Status(Code::invalid_argument, "too short", "vector"), shard_);
  ASSERT_FALSE(told.has_value());
  EXPECT_EQ(told.error(), Status(Code::invalid_argument, "shard 7: too short", "vector"));
}

TEST_F(ShardInquiryTest, KeepsADoubtToItsEnd) {
  ShardInquiry asked = inquiry(Access::repeatable_write);
  EXPECT_TRUE(asked.judge(Status(Code::unknown_outcome, "lost"), shard_).has_value());
  EXPECT_EQ(asked.told(kSilent).code(), Code::unknown_outcome);
  EXPECT_TRUE(asked.judge(kSilent, shard_).has_value());
  EXPECT_EQ(asked.next(kNow + 10s).error().code(), Code::unknown_outcome);
}

TEST_F(ShardInquiryTest, AsksTheSameMemberAgainForARoomyMoment) {
  const Status full(Code::resource_exhausted, "no room");
  ShardInquiry asked = inquiry(Access::read);
  EXPECT_EQ(asked.same_again(full, kNow), kNow + kLimits.attempts.backoff_min);
  EXPECT_EQ(asked.same_again(kSilent, kNow), std::nullopt);
  EXPECT_EQ(asked.same_again(full, kNow + 10s), std::nullopt);
  EXPECT_EQ(inquiry(Access::write).same_again(full, kNow), std::nullopt);
}

}  // namespace
}  // namespace vectron::gateway
