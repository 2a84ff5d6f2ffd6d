#include "net/offload.h"

#include <gmock/gmock.h>

#include <atomic>
#include <latch>
#include <thread>

#include "core/async/task_group.h"
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
