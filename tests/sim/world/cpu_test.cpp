#include "sim/world/cpu.h"

#include <gtest/gtest.h>

#include "core/async/task_group.h"
#include "tests/support/plain_scheduler.h"

namespace vectron::sim {
namespace {

class SimCpuTest : public ::testing::Test {
 protected:
  static Task<void> work(SimCpu* cpu, CpuCost cost, std::vector<int>* ended, int which) {
    std::function<void()> nothing = [] {};
    co_await cpu->run(cost, std::move(nothing));
    ended->push_back(which);
  }
  void add(int which, CpuCost cost) { tasks_.spawn(work(&cpu_, cost, &ended_, which)); }
  void run() {
    while (scheduler_.queue().next_time() != kNever) scheduler_.queue().run_next();
  }
  Instant now() { return scheduler_.now(); }

  static constexpr CpuCost kHeavy{.nanoseconds = 80'000'000};
  static constexpr CpuCost kPrompt{.nanoseconds = 1'000'000, .prompt = true};

  PlainScheduler scheduler_;
  SimCpu cpu_{&scheduler_, 2, RandomStream(7)};
  std::vector<int> ended_;
  TaskGroup tasks_{scheduler_};
};

TEST_F(SimCpuTest, PromptWorkGoesBeforeWhatHasNotBegun) {
  for (int i = 1; i <= 100; ++i) add(i, kHeavy);
  add(1'001, kPrompt);
  add(1'002, kPrompt);
  run();
  ASSERT_EQ(ended_.size(), 102U);
  // The two that had begun may end before them.
  const auto first = std::ranges::find(ended_, 1'001);
  const auto second = std::ranges::find(ended_, 1'002);
  EXPECT_LE(first - ended_.begin(), 3);
  EXPECT_LE(second - ended_.begin(), 3);
  EXPECT_NE(ended_.front(), 1'001) << "no core is free before";
  std::erase_if(ended_, [](int which) { return which > 1'000; });
  EXPECT_EQ(ended_.size(), 100U);
}

// Nobody's work is lost, and a core does one thing at a time.
TEST_F(SimCpuTest, WorkTakesItsTimeWhateverGoesBeforeIt) {
  const Instant begin = now();
  for (int i = 0; i < 20; ++i) {
    add(i, kHeavy);
    add(i, kPrompt);
  }
  run();
  EXPECT_EQ(ended_.size(), 40U);
  EXPECT_GE(now() - begin, 10 * (80ms + 1ms));
  EXPECT_LE(now() - begin, 12 * (120ms + 2ms));
}

TEST_F(SimCpuTest, PromptWorkWaitsForNobodyOnAnIdleCore) {
  const Instant begin = now();
  add(1, kHeavy);
  add(2, kPrompt);
  while (ended_.empty()) scheduler_.queue().run_next();
  EXPECT_EQ(ended_.front(), 2);
  EXPECT_LE(now() - begin, 1'500us);
}

}  // namespace
}  // namespace vectron::sim
