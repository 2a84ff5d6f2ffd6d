#include "services/gateway/failures.h"

#include <gtest/gtest.h>

namespace vectron::gateway {
namespace {

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

TEST(Judgement, AsksOnWhereTheNodeIsTheWrongOne) {
  EXPECT_EQ(judge_shard_failure(Code::unavailable, Access::write), Verdict::ask_on);
  EXPECT_EQ(judge_shard_failure(Code::failed_precondition, Access::write), Verdict::refresh);
  EXPECT_EQ(judge_shard_failure(Code::not_found, Access::read), Verdict::refresh);
  EXPECT_EQ(judge_shard_failure(Code::unknown_outcome, Access::read), Verdict::ask_on);
  EXPECT_EQ(judge_shard_failure(Code::invalid_argument, Access::read), Verdict::give_up);
  EXPECT_EQ(judge_placement_failure(Code::not_found, Access::read), Verdict::give_up);
  EXPECT_EQ(judge_placement_failure(Code::failed_precondition, Access::write), Verdict::give_up);
  EXPECT_EQ(judge_placement_failure(Code::data_loss, Access::read), Verdict::ask_on);
}

}  // namespace
}  // namespace vectron::gateway
