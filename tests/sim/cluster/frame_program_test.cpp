#include "sim/cluster/frame_program.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "sim/cluster/frame_seeds.h"

namespace vectron::sim {
namespace {

RC_GTEST_PROP(FrameProgram, ComesBackFromItsBytes, (bool member, std::vector<Bytes> steps)) {
  FrameProgram program;
  program.member = member;
  for (Bytes& step : steps) {
    step.resize(std::min(step.size(), FrameProgram::kStepBytesMax));
    program.steps.push_back(std::move(step));
  }
  program.steps.resize(std::min(program.steps.size(), FrameProgram::kStepsMax));
  const FrameProgram back = FrameProgram::read(program.write());
  RC_ASSERT(back.member == program.member);
  RC_ASSERT(back.steps == program.steps);
}

// What a fuzzer makes up is a program too, with bounds.
RC_GTEST_PROP(FrameProgram, ReadsAnyBytes, (const Bytes& bytes)) {
  const FrameProgram program = FrameProgram::read(bytes);
  RC_ASSERT(program.steps.size() <= FrameProgram::kStepsMax);
  for (const Bytes& step : program.steps) RC_ASSERT(step.size() <= FrameProgram::kStepBytesMax);
}

TEST(FrameProgram, AChangedStepLeavesTheOthersWhatTheyWere) {
  FrameProgram program;
  program.steps = {{1, 2, 3}, {4}, {5, 6}};
  FrameProgram changed = program;
  changed.steps[1] = Bytes(300, 9);
  const FrameProgram back = FrameProgram::read(changed.write());
  EXPECT_EQ(back.steps[0], program.steps[0]);
  EXPECT_EQ(back.steps[2], program.steps[2]);
}

TEST(FrameProgram, SeedsAreTheSameAtEachCall) {
  const std::vector<FrameProgram> seeds = frame_seeds();
  const std::vector<FrameProgram> again = frame_seeds();
  ASSERT_EQ(seeds.size(), again.size());
  for (size_t i = 0; i < seeds.size(); ++i) EXPECT_EQ(seeds[i].write(), again[i].write());
}

}  // namespace
}  // namespace vectron::sim
