#include "net/offload.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <latch>
#include <thread>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "net/spin_budget.h"
#include "tests/net/production_world.h"

namespace vectron {
namespace {

Task<void> run_on_pool(Offload* offload, std::function<void()> work, int* done) {
  co_await offload->run(std::move(work));
  ++*done;
}

/// One thread that is busy until told otherwise, so that everything behind it stays queued.
struct BlockedPool {
  EventLoop loop;
  ThreadPool pool{"test", 1};
  std::latch release{1};
  std::latch blocked{1};
  BlockedPool() {
    pool.submit([this] {
      blocked.count_down();
      release.wait();
    });
    blocked.wait();
  }
};

TEST(ThreadPool, RunsEverythingBeforeItIsGone) {
  std::atomic<int> count = 0;
  {
    ThreadPool pool("test", 3);
    for (int i = 0; i < 10'000; ++i) pool.submit([&count] { ++count; });
  }
  EXPECT_EQ(count, 10'000);
}

TEST(ThreadPool, HasAThreadForEachCoreByDefault) {
  const ThreadPool pool("test", 0);
  EXPECT_EQ(pool.threads(), std::max(1U, std::thread::hardware_concurrency()));
}

TEST(ThreadPool, UsesAllItsThreadsAtOnce) {
  std::latch all_inside(4);
  ThreadPool pool("test", 4);
  for (int i = 0; i < 4; ++i) pool.submit([&all_inside] { all_inside.arrive_and_wait(); });
  all_inside.wait();
}

TEST(ThreadPool, BackgroundThreadsLetOthersGoFirst) {
  const auto nice_of = [](ThreadPool::Priority priority) {
    int nice = 0;
    {
      ThreadPool pool("test", 1, priority);
      pool.submit([&nice] { nice = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())); });
    }
    return nice;
  };
  const int normal = nice_of(ThreadPool::Priority::normal);
  EXPECT_EQ(normal, ::getpriority(PRIO_PROCESS, 0));
  EXPECT_EQ(nice_of(ThreadPool::Priority::background), std::min(normal + 10, 19));
}

TEST(ThreadPool, RunsWhatGoesAheadBeforeWhatWaitsInLine) {
  std::vector<int> order;  // Of one thread; read after it ended.
  {
    BlockedPool blocked;
    for (int i = 0; i < 3; ++i) blocked.pool.submit([&order, i] { order.push_back(i); });
    for (int i = 10; i < 12; ++i) {
      blocked.pool.submit([&order, i] { order.push_back(i); }, ThreadPool::Turn::ahead);
    }
    blocked.release.count_down();
  }
  EXPECT_THAT(order, testing::ElementsAre(10, 11, 0, 1, 2));
}

Task<void> run_light(Offload* offload, std::function<void()> work, int* done) {
  co_await offload->run(std::move(work), Offload::Weight::light);
  ++*done;
}

TEST(Offload, AnIdleLoopDoesLightWorkItselfHoweverBusyThePoolIs) {
  BlockedPool blocked;
  Offload offload(blocked.loop, blocked.pool, {});
  TaskGroup tasks(blocked.loop.scheduler());
  std::thread::id ran_on;
  int done = 0;
  tasks.spawn(run_light(&offload, [&ran_on] { ran_on = std::this_thread::get_id(); }, &done));
  EXPECT_TRUE(run_loop(blocked.loop, [&] { return done == 1; }, 60s));
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  blocked.release.count_down();
}

TEST(Offload, LightWorkBesideOtherLightWorkGoesToThePool) {
  EventLoop loop;
  ThreadPool pool("test", 1);
  Offload offload(loop, pool, {});
  TaskGroup tasks(loop.scheduler());
  std::atomic<int> on_loop = 0, on_pool = 0;
  int done = 0;
  const auto loop_thread = std::this_thread::get_id();
  const auto count = [&] { ++(std::this_thread::get_id() == loop_thread ? on_loop : on_pool); };
  for (int i = 0; i < 3; ++i) tasks.spawn(run_light(&offload, count, &done));
  EXPECT_TRUE(run_loop(loop, [&] { return done == 3; }, 60s));
  EXPECT_EQ(on_loop, 1);
  EXPECT_EQ(on_pool, 2);
}

Task<void> run_on_cpu(Cpu* cpu, CpuCost cost, std::function<void()> work, bool* done) {
  co_await cpu->run(cost, std::move(work));
  *done = true;
}

Task<void> stay_busy(Scheduler* scheduler, const bool* until) {
  while (!*until) {
    SleepAwaiter others_first(*scheduler, scheduler->now());
    co_await others_first;
  }
}

TEST(Offload, ABusyLoopGivesLightWorkToThePool) {
  EventLoop loop;
  ThreadPool pool("test", 1);
  Offload offload(loop, pool, {});
  TaskGroup tasks(loop.scheduler());
  std::thread::id ran_on;
  int done = 0;
  bool stop = false;
  tasks.spawn(stay_busy(&loop.scheduler(), &stop));
  tasks.spawn(run_light(&offload, [&ran_on] { ran_on = std::this_thread::get_id(); }, &done));
  EXPECT_TRUE(run_loop(loop, [&] { return done == 1; }, 60s));
  EXPECT_NE(ran_on, std::this_thread::get_id());
  stop = true;
}

TEST(PoolCpu, BackgroundWorkIsNeverDoneOnTheLoop) {
  EventLoop loop;
  ThreadPool pool("test", 1), background("background", 1, ThreadPool::Priority::background);
  PoolCpu cpu(loop, pool, background);
  std::thread::id ran_on;
  TaskGroup tasks(loop.scheduler());
  bool done = false;
  const CpuCost cost{.nanoseconds = 1, .background = true};
  tasks.spawn(run_on_cpu(&cpu, cost, [&ran_on] { ran_on = std::this_thread::get_id(); }, &done));
  EXPECT_TRUE(run_loop(loop, [&] { return done; }, 60s));
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

Task<void> run_at_cost(PoolCpu* cpu, CpuCost cost, std::function<void()> work, int* done) {
  co_await cpu->run(cost, std::move(work));
  ++*done;
}

Task<void> set(bool* flag) {
  *flag = true;
  co_return;
}

constexpr std::ptrdiff_t kPromptInPool = Offload::kPromptInFlightMax;

TEST(PoolCpu, PromptWorkGoesBeforeHeavyWorkAndNeverToTheLoop) {
  BlockedPool blocked;
  PoolCpu cpu(blocked.loop, blocked.pool, blocked.pool);
  std::vector<int> order;  // Of one pool thread, and read when all are done.
  bool on_loop = false;
  const auto loop_thread = std::this_thread::get_id();
  int done = 0;
  TaskGroup tasks(blocked.loop.scheduler());
  const auto note = [&](int which) {
    return [&, which] {
      order.push_back(which);
      on_loop = on_loop || std::this_thread::get_id() == loop_thread;
    };
  };
  constexpr CpuCost kHeavy{.nanoseconds = 1'000'000'000};
  constexpr CpuCost kPrompt{.nanoseconds = 1'000'000, .prompt = true};
  constexpr int kHeavyJobs = 300;   // More than the pool takes of one owner.
  constexpr int kPromptJobs = 100;  // The same.
  for (int i = 0; i < kHeavyJobs; ++i) tasks.spawn(run_at_cost(&cpu, kHeavy, note(i), &done));
  for (int i = 0; i < kPromptJobs; ++i) tasks.spawn(run_at_cost(&cpu, kPrompt, note(-1), &done));
  bool all_wait = false;  // For the thread.
  tasks.spawn(set(&all_wait));
  blocked.loop.run_until([&all_wait] { return all_wait; });
  blocked.release.count_down();
  blocked.loop.run_until([&done] { return done == kHeavyJobs + kPromptJobs; });
  ASSERT_EQ(order.size(), static_cast<size_t>(kHeavyJobs + kPromptJobs));
  EXPECT_EQ(std::ranges::count(order.begin(), order.begin() + kPromptInPool, -1), kPromptInPool);
  std::erase(order, -1);
  EXPECT_TRUE(std::ranges::is_sorted(order)) << "the others have kept their order";
  EXPECT_FALSE(on_loop);
}

TEST(Offload, LightWorkWhoseAwaiterOrOwnerIsGoneIsNotRun) {
  EventLoop loop;
  ThreadPool pool("test", 1);
  const auto ran = std::make_shared<int>(0);
  int done = 0;
  {
    Offload offload(loop, pool, {});
    TaskGroup tasks(loop.scheduler());
    tasks.spawn(run_light(&offload, [ran] { ++*ran; }, &done));
    tasks.cancel_all();
    EXPECT_FALSE(run_loop(loop, [&] { return done > 0; }, 5ms));
  }
  {
    Offload offload(loop, pool, {});
    TaskGroup tasks(loop.scheduler());
    tasks.spawn(run_light(&offload, [ran] { ++*ran; }, &done));
  }
  EXPECT_FALSE(run_loop(loop, [&] { return done > 0; }, 5ms));
  EXPECT_EQ(*ran, 0);
}

TEST(SpinBudget, StopsAfterFailuresAndTriesAgainNowAndThen) {
  SpinBudget budget(2);
  const auto spins_of = [&budget](int sleeps, bool found) {
    int spins = 0;
    for (int i = 0; i < sleeps; ++i) {
      if (!budget.should_spin()) continue;
      ++spins;
      budget.spun(found);
    }
    return spins;
  };
  EXPECT_EQ(spins_of(10 * SpinBudget::kSleepsPerProbe, false), 10);
  EXPECT_EQ(spins_of(10 * SpinBudget::kSleepsPerProbe, true), 9 * SpinBudget::kSleepsPerProbe + 1);
  EXPECT_EQ(spins_of(SpinBudget::kSleepsPerProbe - 1, false), SpinBudget::kAttemptsMax);
}

TEST(SpinBudget, NeverSpinsOnASingleCore) {
  SpinBudget budget(1);
  for (int i = 0; i < 10 * SpinBudget::kSleepsPerProbe; ++i) EXPECT_FALSE(budget.should_spin());
}

TEST(Offload, WorkWhoseAwaiterIsGoneBeforeItBeganIsNotRun) {
  BlockedPool blocked;
  const auto ran = std::make_shared<std::atomic<int>>(0);
  int done = 0;
  {
    Offload offload(blocked.loop, blocked.pool, {});
    TaskGroup tasks(blocked.loop.scheduler());
    tasks.spawn(run_on_pool(&offload, [ran] { ++*ran; }, &done));
    EXPECT_FALSE(run_loop(blocked.loop, [&] { return done > 0; }, 1ms));
    tasks.cancel_all();
    EXPECT_EQ(ran.use_count(), 1) << "what it captured is released at once";
    blocked.release.count_down();
  }
  EXPECT_EQ(*ran, 0);
}

TEST(Offload, ItsDestructorWaitsForWorkThatBegan) {
  EventLoop loop;
  ThreadPool pool("test", 1);
  std::latch begun(1);
  std::atomic<bool> awaiter_gone = false, ended = false;
  int done = 0;
  {
    Offload offload(loop, pool, {});
    {
      TaskGroup tasks(loop.scheduler());
      tasks.spawn(run_on_pool(
          &offload,
          [&] {
            begun.count_down();
            while (!awaiter_gone) std::this_thread::yield();
            for (int i = 0; i < 1000; ++i) std::this_thread::yield();
            ended = true;
          },
          &done));
      EXPECT_TRUE(run_loop(loop, [&] { return begun.try_wait(); }, 60s));
    }
    awaiter_gone = true;
  }
  EXPECT_TRUE(ended);
  EXPECT_EQ(done, 0);
}

TEST(Offload, AtMostItsLimitIsInThePool) {
  EventLoop loop;
  ThreadPool pool("test", 4);
  Offload offload(loop, pool, {.jobs_in_flight_max = 2});
  TaskGroup tasks(loop.scheduler());
  std::atomic<int> inside = 0, most = 0;
  int done = 0;
  for (int i = 0; i < 500; ++i) {
    tasks.spawn(run_on_pool(
        &offload,
        [&] {
          const int now = ++inside;
          if (now > most) most = now;
          std::this_thread::yield();
          --inside;
        },
        &done));
  }
  EXPECT_TRUE(run_loop(loop, [&] { return done == 500; }, 60s));
  EXPECT_LE(most, 2);
}

TEST(Offload, WithALimitOfOneWorkRunsInOrderEvenWhenSomeIsTakenBack) {
  BlockedPool blocked;
  Offload offload(blocked.loop, blocked.pool, {.jobs_in_flight_max = 1});
  TaskGroup tasks(blocked.loop.scheduler());
  std::vector<int> order;
  std::vector<TaskGroup::TaskNumber> numbers;
  int done = 0;
  for (int i = 0; i < 10; ++i) {
    numbers.push_back(
        tasks.spawn(run_on_pool(&offload, [&order, i] { order.push_back(i); }, &done)));
  }
  EXPECT_FALSE(run_loop(blocked.loop, [&] { return done > 0; }, 1ms));
  for (const size_t i : {0, 3, 4, 9}) tasks.cancel(numbers[i]);
  blocked.release.count_down();
  EXPECT_TRUE(run_loop(blocked.loop, [&] { return done == 6; }, 60s));
  EXPECT_THAT(order, testing::ElementsAre(1, 2, 5, 6, 7, 8));
}

TEST(Offload, CapturesAreDestroyedOnTheLoopsThread) {
  struct Witness {
    std::thread::id* destroyed_on;
    ~Witness() { *destroyed_on = std::this_thread::get_id(); }
  };
  EventLoop loop;
  ThreadPool pool("test", 2);
  Offload offload(loop, pool, {});
  TaskGroup tasks(loop.scheduler());
  for (int i = 0; i < 200; ++i) {
    std::thread::id destroyed_on;
    int done = 0;
    tasks.spawn(run_on_pool(
        &offload, [witness = std::make_shared<Witness>(&destroyed_on)] { (void)witness; }, &done));
    ASSERT_TRUE(run_loop(loop, [&] { return done == 1; }, 60s));
    EXPECT_EQ(destroyed_on, std::this_thread::get_id());
  }
}

}  // namespace
}  // namespace vectron
