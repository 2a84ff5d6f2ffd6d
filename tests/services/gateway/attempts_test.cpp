#include "services/gateway/attempts.h"

#include <gtest/gtest.h>

namespace vectron::gateway {
namespace {

constexpr AttemptLimits kLimits{.attempts_max = 8, .backoff_min = 10ms, .backoff_max = 40ms};

TEST(Attempts, AsksEveryNodeOfARoundWithoutPause) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 3, 1);
  EXPECT_EQ(attempts.target(), 1U);
  EXPECT_TRUE(attempts.advance(std::nullopt));
  EXPECT_EQ(attempts.target(), 2U);
  EXPECT_EQ(attempts.pause(), 0ns);
  EXPECT_TRUE(attempts.advance(std::nullopt));
  EXPECT_EQ(attempts.target(), 0U);
  EXPECT_EQ(attempts.pause(), 0ns);
}

TEST(Attempts, PausesBetweenRoundsLongerAndLongerUpToTheBound) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 1, 0);
  for (const Duration most : {10ms, 20ms, 40ms, 40ms}) {
    EXPECT_TRUE(attempts.advance(std::nullopt));
    EXPECT_LE(attempts.pause(), most);
    EXPECT_GE(attempts.pause(), most / 2);
  }
}

TEST(Attempts, FollowsAHintAtOnceButOnlyOneInARound) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 2, 0);
  EXPECT_TRUE(attempts.advance(1));
  EXPECT_EQ(attempts.target(), 1U);
  EXPECT_EQ(attempts.pause(), 0ns);
  // The two name each other: the walk goes on as if nobody had, and ends its round.
  EXPECT_TRUE(attempts.advance(0));
  EXPECT_TRUE(attempts.advance(1));
  EXPECT_GT(attempts.pause(), 0ns);
}

TEST(Attempts, IgnoresAHintThatIsNoTarget) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 2, 0);
  EXPECT_TRUE(attempts.advance(7));
  EXPECT_EQ(attempts.target(), 1U);
}

TEST(Attempts, EndAtTheirBound) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 3, 0);
  for (int i = 1; i < 8; ++i) EXPECT_TRUE(attempts.advance(std::nullopt)) << i;
  EXPECT_FALSE(attempts.advance(std::nullopt));
}

TEST(Attempts, KeepTheirCountOverARestart) {
  RandomStream random(1);
  Attempts attempts(kLimits, &random, 3, 0);
  for (int i = 1; i < 8; ++i) {
    EXPECT_TRUE(attempts.advance(std::nullopt));
    attempts.restart(5, 4);
    EXPECT_EQ(attempts.target(), 4U);
  }
  EXPECT_FALSE(attempts.advance(std::nullopt));
}

TEST(PatienceForRoom, AsksForReadsAFewTimesAgain) {
  PatienceForRoom patience(10ms);
  EXPECT_EQ(patience.after(Code::unavailable, Access::read), std::nullopt);
  EXPECT_EQ(patience.after(Code::resource_exhausted, Access::write), std::nullopt);
  EXPECT_EQ(patience.after(Code::resource_exhausted, Access::repeatable_write), std::nullopt);
  EXPECT_EQ(patience.after(Code::resource_exhausted, Access::read), 10ms);
  EXPECT_EQ(patience.after(Code::resource_exhausted, Access::read), 20ms);
  EXPECT_EQ(patience.after(Code::resource_exhausted, Access::read), 40ms);
  EXPECT_EQ(patience.after(Code::resource_exhausted, Access::read), std::nullopt);
  EXPECT_EQ(patience.after(Code::resource_exhausted, Access::read), std::nullopt);
}

TEST(Judgement, TellsWhatNoRepetitionMendsBeforeWhatMayPass) {
  const Code mends_alone[] = {Code::unavailable, Code::deadline_exceeded, Code::aborted,
                              Code::resource_exhausted};
  const Code does_not[] = {Code::data_loss,        Code::internal,       Code::unimplemented,
                           Code::invalid_argument, Code::not_found,      Code::permission_denied,
                           Code::out_of_range,     Code::unknown_outcome};
  for (const Code passing : mends_alone) {
    for (const Code lasting : does_not) {
      EXPECT_EQ(graver(passing, lasting), lasting);
      EXPECT_EQ(graver(lasting, passing), lasting);
    }
  }
  for (uint8_t number = 1; number < kCodeCount; ++number) {
    EXPECT_EQ(graver(Code::ok, static_cast<Code>(number)), static_cast<Code>(number));
  }
}

TEST(DamagedCopies, AreHopelessWhenTooFewAreWhole) {
  DamagedCopies copies(3);
  copies.note(0, true);
  EXPECT_FALSE(copies.hopeless(false));
  copies.note(2, true);
  EXPECT_TRUE(copies.hopeless(false));
  EXPECT_FALSE(copies.hopeless(true));
  copies.note(1, true);
  EXPECT_TRUE(copies.hopeless(true));
  copies.note(1, false);
  copies.note(0, false);
  EXPECT_FALSE(copies.hopeless(false));
}

TEST(Judgement, NeverRepeatsAWriteThatMayHaveHappened) {
  for (uint8_t number = 0; number < kCodeCount; ++number) {
    const Code code = static_cast<Code>(number);
    if (certainly_not_done(code)) continue;
    EXPECT_EQ(judge_shard_failure(code, Access::write), Verdict::give_up) << code_name(code);
    EXPECT_EQ(judge_placement_failure(code, Access::write), Verdict::give_up) << code_name(code);
  }
}

TEST(Judgement, RepeatsWhatIsRecognisedAsOftenAsARead) {
  for (uint8_t number = 0; number < kCodeCount; ++number) {
    const Code code = static_cast<Code>(number);
    EXPECT_EQ(judge_shard_failure(code, Access::repeatable_write),
              judge_shard_failure(code, Access::read))
        << code_name(code);
  }
}

TEST(Judgement, DoubtsEveryAttemptOfAWriteThatMayHaveHappened) {
  EXPECT_TRUE(may_have_been_done(Code::unknown_outcome, Access::repeatable_write));
  EXPECT_TRUE(may_have_been_done(Code::cancelled, Access::repeatable_write));
  EXPECT_FALSE(may_have_been_done(Code::unavailable, Access::repeatable_write));
  EXPECT_FALSE(may_have_been_done(Code::unknown_outcome, Access::read));
}

TEST(Judgement, AsksOnWhereTheNodeIsTheWrongOne) {
  EXPECT_EQ(judge_shard_failure(Code::unavailable, Access::write), Verdict::ask_on);
  EXPECT_EQ(judge_shard_failure(Code::failed_precondition, Access::write), Verdict::refresh);
  EXPECT_EQ(judge_shard_failure(Code::not_found, Access::read), Verdict::refresh);
  EXPECT_EQ(judge_shard_failure(Code::unknown_outcome, Access::read), Verdict::ask_on);
  EXPECT_EQ(judge_shard_failure(Code::invalid_argument, Access::read), Verdict::give_up);
  EXPECT_EQ(judge_placement_failure(Code::not_found, Access::read), Verdict::give_up);
}

TEST(PublicCode, SaysUnknownOutcomeOfWritesAlone) {
  EXPECT_EQ(public_code(Code::unknown_outcome, Access::write), Code::unknown_outcome);
  EXPECT_EQ(public_code(Code::cancelled, Access::write), Code::unknown_outcome);
  EXPECT_EQ(public_code(Code::unknown_outcome, Access::read), Code::unavailable);
  EXPECT_EQ(public_code(Code::not_found, Access::read), Code::not_found);
}

}  // namespace
}  // namespace vectron::gateway
