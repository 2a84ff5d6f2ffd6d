#include "core/rpc/calls/access.h"

#include <gtest/gtest.h>

#include "core/rpc/calls/doubt.h"

namespace vectron::rpc {
namespace {

constexpr Access kAll[] = {Access::read, Access::write, Access::repeatable_write};

std::vector<Code> failures() {
  std::vector<Code> codes;
  for (uint8_t number = 1; number < kCodeCount; ++number)
    codes.push_back(static_cast<Code>(number));
  return codes;
}

TEST(Access, NeverAsksOnForAWriteThatMayHaveBeenDone) {
  for (const Code code : failures()) {
    if (!may_have_been_done(code, Access::write)) continue;
    EXPECT_FALSE(worth_asking_on(code, Access::write)) << code_name(code);
  }
}

TEST(Access, AsksOnForARepeatableWriteAsForARead) {
  for (const Code code : failures()) {
    EXPECT_EQ(worth_asking_on(code, Access::repeatable_write), worth_asking_on(code, Access::read))
        << code_name(code);
  }
}

TEST(Access, AsksOnWhenTheNodeOrTheMomentIsWrong) {
  for (const Access access : kAll) {
    EXPECT_TRUE(worth_asking_on(Code::unavailable, access));
    EXPECT_TRUE(worth_asking_on(Code::aborted, access));
    EXPECT_TRUE(worth_asking_on(Code::deadline_exceeded, access));
    EXPECT_FALSE(worth_asking_on(Code::invalid_argument, access));
    EXPECT_FALSE(worth_asking_on(Code::resource_exhausted, access));
    EXPECT_FALSE(worth_asking_on(Code::not_found, access));
  }
  EXPECT_TRUE(worth_asking_on(Code::unknown, Access::read));
}

TEST(Access, AnAnswerAboutTheRequestIsThatOfALeader) {
  for (const Code code : {Code::unavailable, Code::unknown_outcome, Code::deadline_exceeded}) {
    EXPECT_TRUE(shows_no_leader(code)) << code_name(code);
  }
  for (const Code code : {Code::not_found, Code::invalid_argument, Code::resource_exhausted}) {
    EXPECT_FALSE(shows_no_leader(code)) << code_name(code);
  }
}

TEST(Access, CutsShortWhatMayBeRepeated) {
  const Instant now{100s};
  const auto cut = [now](Access access, Duration left) {
    return attempt_deadline(access, now, now + left, 2s) - now;
  };
  EXPECT_EQ(cut(Access::read, 10s), 2s);
  EXPECT_EQ(cut(Access::read, 1s), 1s);
  EXPECT_EQ(cut(Access::write, 10s), 10s);
  EXPECT_EQ(cut(Access::repeatable_write, 10s), 5s);
  EXPECT_EQ(cut(Access::repeatable_write, 3s), 2s);
  EXPECT_EQ(cut(Access::repeatable_write, 1s), 1s);
}

TEST(Doubt, TellsTheCodeOfAWriteThatSaysNothingAsUnknownOutcome) {
  for (const Code code : {Code::unknown_outcome, Code::cancelled, Code::unknown}) {
    const Status failure(code, "who knows");
    EXPECT_EQ(Doubt(Access::read).told(failure).code(), Code::unavailable);
    EXPECT_EQ(Doubt(Access::write).told(failure).code(), Code::unknown_outcome);
    EXPECT_EQ(Doubt(Access::repeatable_write).told(failure).code(), Code::unknown_outcome);
  }
}

TEST(Doubt, KeepsTheDetailOfAFailureThatIsToldAsItIs) {
  const Status failure = Status(Code::not_found, "no such point").with_detail(Bytes{1, 2, 3});
  EXPECT_EQ(Doubt(Access::read).told(failure), failure);
}

TEST(Doubt, IsNotForgotten) {
  const Status failure(Code::invalid_argument, "too short", "vector");
  for (const Access access : kAll) {
    for (const Code code : failures()) {
      Doubt doubt(access);
      doubt.note(code);
      doubt.note(Code::unavailable);
      const bool lasts = access != Access::read && !certainly_not_done(code);
      EXPECT_EQ(doubt.exists(), lasts) << code_name(code);
      EXPECT_EQ(doubt.told(failure).code(), lasts ? Code::unknown_outcome : failure.code());
      EXPECT_EQ(doubt.told(failure).field(), lasts ? "" : "vector");
    }
  }
}

}  // namespace
}  // namespace vectron::rpc
