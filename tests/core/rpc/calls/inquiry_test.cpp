#include "core/rpc/calls/inquiry.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace vectron::rpc {
namespace {

constexpr Instant kStart{100s};
constexpr InquiryLimits kLimits{
    .attempts = {.attempts_max = 8, .backoff_min = 10ms, .backoff_max = 40ms}};

Inquiry::Question question(Access access, size_t targets) {
  return {
      .access = access, .targets = targets, .first = 0, .now = kStart, .deadline = kStart + 10s};
}

const Status kNotNow(Code::unavailable, "not now");
const Status kRefused(Code::unavailable, "nobody listens there", std::string(kRefusedField));

TEST(Inquiry, EndsWhereNobodyListensOnceThePatienceIsOver) {
  RandomStream random(1);
  Inquiry inquiry(kLimits, &random, question(Access::read, 2));
  inquiry.advance(kRefused, std::nullopt);
  EXPECT_TRUE(inquiry.next(kStart + 2s).has_value());
  inquiry.advance(kRefused, std::nullopt);
  EXPECT_TRUE(inquiry.next(kStart).has_value());
  EXPECT_FALSE(inquiry.next(kStart + 1s).has_value());
  inquiry.restart(3, 0);
  EXPECT_TRUE(inquiry.next(kStart + 1s).has_value());
}

TEST(Inquiry, WaitsForOneThatListens) {
  RandomStream random(1);
  Inquiry inquiry(kLimits, &random, question(Access::read, 2));
  for (const Status& failure : {kRefused, kNotNow, kRefused}) {
    inquiry.advance(failure, std::nullopt);
    EXPECT_TRUE(inquiry.next(kStart + 2s).has_value());
  }
}

TEST(Inquiry, EndsAtItsDeadline) {
  RandomStream random(1);
  Inquiry inquiry(kLimits, &random, question(Access::read, 2));
  inquiry.advance(kNotNow, std::nullopt);
  EXPECT_TRUE(inquiry.next(kStart + 9s).has_value());
  EXPECT_FALSE(inquiry.next(kStart + 10s).has_value());
}

TEST(Inquiry, DoesNotDoubtATargetThatDidNotBegin) {
  RandomStream random(1);
  Inquiry inquiry(kLimits, &random, question(Access::write, 2));
  const Status damaged(Code::data_loss, "damaged");
  inquiry.advance(damaged, std::nullopt, false);
  EXPECT_FALSE(inquiry.in_doubt());
  inquiry.advance(damaged, std::nullopt);
  EXPECT_TRUE(inquiry.in_doubt());
}

Status any_failure() {
  const auto code = static_cast<Code>(*rc::gen::inRange<int>(1, kCodeCount));
  return Status(code, "failed", *rc::gen::arbitrary<bool>() ? std::string(kRefusedField) : "");
}

// What every walk keeps to, whatever the nodes answer and name.
RC_GTEST_PROP(Inquiry, AsksEachOfARoundOnceAndForgetsNoDoubt, ()) {
  const auto access = *rc::gen::element(Access::read, Access::write, Access::repeatable_write);
  const auto targets = *rc::gen::inRange<size_t>(1, 6);
  RandomStream random(*rc::gen::arbitrary<uint64_t>());
  Inquiry inquiry(kLimits, &random, question(access, targets));
  Instant now = kStart;
  bool doubt = false;
  size_t asked_in_round = 1;
  uint32_t attempts = 1;
  while (true) {
    RC_ASSERT(inquiry.target() < targets);
    RC_ASSERT(inquiry.attempt_deadline(now) <= inquiry.deadline());
    const Status failure = any_failure();
    if (!worth_asking_on(failure.code(), access)) break;
    now += std::chrono::milliseconds(*rc::gen::inRange(0, 3'000));
    doubt = doubt || (access != Access::read && !certainly_not_done(failure.code()));
    const size_t before = inquiry.target();
    std::optional<size_t> hint;
    if (*rc::gen::arbitrary<bool>()) hint = *rc::gen::inRange<size_t>(0, targets + 1);
    inquiry.advance(failure, hint);
    const std::optional<Instant> next = inquiry.next(now);
    if (!next) break;
    ++attempts;
    RC_ASSERT(*next >= now && *next < inquiry.deadline());
    RC_ASSERT(attempts <= kLimits.attempts.attempts_max);
    RC_ASSERT((*next > now) == inquiry.begins_round());
    if (inquiry.begins_round()) {
      RC_ASSERT(*next - now >= kLimits.attempts.backoff_min / 2);
      RC_ASSERT(*next - now <= kLimits.attempts.backoff_max);
      asked_in_round = 1;
    } else {
      RC_ASSERT(targets == 1 || inquiry.target() != before);
      // One more than there are nodes, for the one hint that is followed.
      RC_ASSERT(++asked_in_round <= targets + 1);
    }
    now = *next;
  }
  RC_ASSERT(inquiry.in_doubt() == doubt);
  RC_ASSERT((inquiry.told(kNotNow).code() == Code::unknown_outcome) == doubt);
  RC_ASSERT(access != Access::write || !doubt);
}

}  // namespace
}  // namespace vectron::rpc
