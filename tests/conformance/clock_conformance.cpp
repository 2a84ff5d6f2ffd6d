#include <gmock/gmock.h>

#include "core/async/combine.h"
#include "tests/conformance/world.h"

namespace vectron::conformance {
namespace {

using testing::ElementsAre;

Task<void> record_after(Env* env, Duration delay, int value, std::vector<int>* out) {
  co_await env->clock().sleep_for(delay);
  out->push_back(value);
}

Task<bool> never_goes_back(Env* env) {
  Instant last = env->clock().monotonic();
  for (int i = 0; i < 50; ++i) {
    if (i % 10 == 0) co_await env->clock().sleep_for(10us);
    const Instant now = env->clock().monotonic();
    if (now < last) co_return false;
    last = now;
  }
  co_return true;
}

Task<Duration> slept(Env* env, Duration delay) {
  const Instant before = env->clock().monotonic();
  co_await env->clock().sleep_for(delay);
  co_return env->clock().monotonic() - before;
}

Task<Duration> slept_until_the_past(Env* env) {
  const Instant before = env->clock().monotonic();
  co_await env->clock().sleep_until(before - 1h);
  co_return env->clock().monotonic() - before;
}

Task<std::optional<int>> value_with_deadline(Env* env, Duration delay, Duration limit) {
  std::vector<int> out;
  Clock& clock = env->clock();
  const Instant deadline = clock.scheduler_time(clock.monotonic() + limit);
  Task<Duration> sleep = slept(env, delay);
  const std::optional<Duration> result =
      co_await with_deadline(&env->scheduler(), deadline, std::move(sleep));
  co_return result.has_value() ? std::optional<int>(1) : std::nullopt;
}

TEST_P(ClockConformance, MonotonicTimeNeverGoesBack) {
  EXPECT_TRUE(run(never_goes_back(&env())));
}

TEST_P(ClockConformance, SleepsAtLeastAsLongAsAsked) {
  for (const Duration delay : {Duration(0), Duration(1us), Duration(700us), Duration(3ms)}) {
    EXPECT_GE(run(slept(&env(), delay)), delay);
  }
}

TEST_P(ClockConformance, SleepUntilThePastReturnsSoon) {
  EXPECT_LT(run(slept_until_the_past(&env())), 10s);
}

TEST_P(ClockConformance, SleepersWakeInTheOrderOfTheirTimes) {
  std::vector<int> out;
  TaskGroup& tasks = world().tasks(0);
  const auto delays = {30, 10, 20, 0, 15};
  for (const int delay : delays) {
    tasks.spawn(record_after(&env(), delay * Duration(1ms), delay, &out));
  }
  ASSERT_TRUE(run_until([&] { return out.size() == delays.size(); }));
  EXPECT_THAT(out, ElementsAre(0, 10, 15, 20, 30));
}

TEST_P(ClockConformance, ACancelledSleeperNeverWakes) {
  std::vector<int> out;
  TaskGroup& tasks = world().tasks(0);
  const auto cancelled = tasks.spawn(record_after(&env(), 2ms, 1, &out));
  run(slept(&env(), 1us));
  tasks.cancel(cancelled);
  tasks.spawn(record_after(&env(), 5ms, 2, &out));
  ASSERT_TRUE(run_until([&] { return !out.empty(); }));
  EXPECT_THAT(out, ElementsAre(2));
}

TEST_P(ClockConformance, ADeadlineEndsASleepAndALateOneDoesNot) {
  EXPECT_EQ(run(value_with_deadline(&env(), 1h, 2ms)), std::nullopt);
  EXPECT_EQ(run(value_with_deadline(&env(), 1ms, 1h)), 1);
}

TEST_P(ClockConformance, ThousandsOfTimersAllFire) {
  std::vector<int> out;
  TaskGroup& tasks = world().tasks(0);
  for (int i = 0; i < 5000; ++i) {
    tasks.spawn(record_after(&env(), (i * 7919 % 5000) * Duration(1us), i, &out));
  }
  EXPECT_TRUE(run_until([&] { return out.size() == 5000; }));
}

}  // namespace
}  // namespace vectron::conformance
