#include <atomic>
#include <thread>

#include "core/async/combine.h"
#include "tests/conformance/world.h"

namespace vectron::conformance {
namespace {

constexpr CpuCost kLight{.nanoseconds = CpuCost::kLightNanosecondsMax};
constexpr CpuCost kHeavy{.nanoseconds = CpuCost::kLightNanosecondsMax + 1};
constexpr CpuCost kBackground{.background = true};

Task<uint64_t> sum_on_cpu(Env* env, std::vector<uint64_t> numbers) {
  std::function<uint64_t()> work = [numbers = std::move(numbers)] {
    uint64_t sum = 0;
    for (const uint64_t number : numbers) sum += number;
    return sum;
  };
  const uint64_t sum = co_await run_on(&env->cpu(), kLight, std::move(work));
  co_return sum;
}

Task<void> run_work(Env* env, CpuCost cost, std::function<void()> work, int* done) {
  co_await env->cpu().run(cost, std::move(work));
  ++*done;
}

/// What work and test share; it outlives both.
struct Shared {
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  std::atomic<int> inside = 0;
  std::atomic<int> most_inside = 0;
  std::atomic<bool> may_end = false;
};

TEST_P(CpuConformance, ReturnsWhatTheWorkReturns) {
  EXPECT_EQ(run(sum_on_cpu(&env(), {1, 2, 3, 4})), 10u);
}

TEST_P(CpuConformance, RunsEveryWorkOnceUpToItsParallelism) {
  const auto shared = std::make_shared<Shared>();
  constexpr int kWorks = 200;
  int done = 0;
  for (int i = 0; i < kWorks; ++i) {
    world().tasks(0).spawn(run_work(
        &env(), kHeavy,
        [shared] {
          const int inside = ++shared->inside;
          int most = shared->most_inside.load();
          while (inside > most && !shared->most_inside.compare_exchange_weak(most, inside)) {
          }
          ++shared->begun;
          --shared->inside;
        },
        &done));
  }
  ASSERT_TRUE(run_until([&] { return done == kWorks; }));
  EXPECT_EQ(shared->begun, kWorks);
  ASSERT_GE(env().cpu().parallelism(), 1u);
  EXPECT_LE(static_cast<size_t>(shared->most_inside), env().cpu().parallelism());
}

TEST_P(CpuConformance, TheLoopGoesOnWhileWorkRuns) {
  if (!world().work_runs_beside_loop()) return;  // Inline work is atomic by design.
  const auto shared = std::make_shared<Shared>();
  int done = 0;
  world().tasks(0).spawn(run_work(
      &env(), kHeavy,
      [shared] {
        ++shared->begun;
        while (!shared->may_end) std::this_thread::yield();
      },
      &done));
  ASSERT_TRUE(run_until([&] { return shared->begun == 1; }));
  EXPECT_EQ(done, 0);
  shared->may_end = true;
  EXPECT_TRUE(run_until([&] { return done == 1; }));
}

TEST_P(CpuConformance, AnAwaiterMayBeDestroyedWhileItsWorkRuns) {
  const bool beside = world().work_runs_beside_loop();
  const auto shared = std::make_shared<Shared>();
  int done = 0;
  TaskGroup& tasks = world().tasks(0);
  const auto number = tasks.spawn(run_work(
      &env(), kHeavy,
      [shared, beside] {
        ++shared->begun;
        while (beside && !shared->may_end) std::this_thread::yield();
        ++shared->ended;
      },
      &done));
  if (beside) {
    ASSERT_TRUE(run_until([&] { return shared->begun == 1; }));
  }
  tasks.cancel(number);
  shared->may_end = true;
  // Others are served as if nothing had been.
  EXPECT_EQ(run(sum_on_cpu(&env(), {5, 6})), 11u);
  EXPECT_EQ(done, 0);
}

TEST_P(CpuConformance, LightWorkIsDoneHoweverMuchHeavyWorkGoesOn) {
  if (!world().work_runs_beside_loop()) return;  // Inline work is atomic by design.
  const auto shared = std::make_shared<Shared>();
  const auto threads = static_cast<int>(env().cpu().parallelism());
  int done = 0;
  for (int i = 0; i < threads; ++i) {
    world().tasks(0).spawn(run_work(
        &env(), kHeavy,
        [shared] {
          ++shared->begun;
          while (!shared->may_end) std::this_thread::yield();
        },
        &done));
  }
  ASSERT_TRUE(run_until([&] { return shared->begun == threads; }));
  EXPECT_EQ(run(sum_on_cpu(&env(), {1, 2})), 3u);
  EXPECT_EQ(done, 0);
  shared->may_end = true;
  EXPECT_TRUE(run_until([&] { return done == threads; }));
}

TEST_P(CpuConformance, HeavyWorkIsDoneHoweverMuchBackgroundWorkGoesOn) {
  if (!world().work_runs_beside_loop()) return;  // Inline work is atomic by design.
  const auto shared = std::make_shared<Shared>();
  const auto threads = static_cast<int>(env().cpu().parallelism());
  int done = 0, heavy_done = 0;
  for (int i = 0; i < threads; ++i) {
    world().tasks(0).spawn(run_work(
        &env(), kBackground,
        [shared] {
          ++shared->begun;
          while (!shared->may_end) std::this_thread::yield();
        },
        &done));
  }
  ASSERT_TRUE(run_until([&] { return shared->begun == threads; }));
  world().tasks(0).spawn(run_work(&env(), kHeavy, [shared] { ++shared->ended; }, &heavy_done));
  EXPECT_TRUE(run_until([&] { return heavy_done == 1; }));
  EXPECT_EQ(done, 0);
  shared->may_end = true;
  EXPECT_TRUE(run_until([&] { return done == threads; }));
}

TEST_P(CpuConformance, BackgroundWorkIsDoneOnceAndReleased) {
  const auto captured = std::make_shared<int>(1);
  int done = 0;
  world().tasks(0).spawn(run_work(&env(), kBackground, [captured] { ++*captured; }, &done));
  ASSERT_TRUE(run_until([&] { return done == 1; }));
  EXPECT_EQ(*captured, 2);
  EXPECT_EQ(captured.use_count(), 1);
}

TEST_P(CpuConformance, DestroyingManyAwaitersAtAnyMomentLosesNothingElse) {
  const auto shared = std::make_shared<Shared>();
  TaskGroup& tasks = world().tasks(0);
  int done = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<TaskGroup::TaskNumber> numbers;
    for (int i = 0; i < 20; ++i) {
      numbers.push_back(
          tasks.spawn(run_work(&env(), kLight, [shared] { ++shared->begun; }, &done)));
    }
    EXPECT_EQ(run(sum_on_cpu(&env(), {1, 1})), 2u);
    for (const auto number : numbers) tasks.cancel(number);
  }
  EXPECT_LE(done, 400);
  EXPECT_LE(done, shared->begun);
}

TEST_P(CpuConformance, CapturesAreReleasedOnceTheWorkIsDone) {
  const auto captured = std::make_shared<int>(1);
  int done = 0;
  world().tasks(0).spawn(run_work(&env(), kLight, [captured] { ++*captured; }, &done));
  ASSERT_TRUE(run_until([&] { return done == 1; }));
  EXPECT_EQ(*captured, 2);
  EXPECT_EQ(captured.use_count(), 1);
}

TEST_P(CpuConformance, ANodeMayStopWhileItsWorkRuns) {
  const auto shared = std::make_shared<Shared>();
  int done = 0;
  for (int i = 0; i < 50; ++i) {
    world().tasks(0).spawn(run_work(&env(), kLight, [shared] { ++shared->ended; }, &done));
  }
  run(sum_on_cpu(&env(), {1}));
  world().restart(0, Stop::orderly);
  const int ended = shared->ended;
  EXPECT_EQ(run(sum_on_cpu(&env(), {7})), 7u);
  EXPECT_EQ(shared->ended, ended) << "work of the stopped node ran in the life after";
  EXPECT_EQ(shared.use_count(), 1);
}

}  // namespace
}  // namespace vectron::conformance
