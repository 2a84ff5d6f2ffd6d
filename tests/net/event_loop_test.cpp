#include "net/event_loop.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <thread>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "net/watched_descriptor.h"
#include "tests/net/production_world.h"

namespace vectron {
namespace {

using testing::ElementsAre;

Task<void> record(std::vector<int>* out, int value) {
  out->push_back(value);
  co_return;
}

// The first one posts as another thread would.
Task<void> work_and_post(EventLoop* loop, Duration work, int* ran, int* ran_before_post,
                         bool* posted) {
  if (*ran == 0) {
    loop->post_from_thread([=] {
      *posted = true;
      *ran_before_post = *ran;
    });
  }
  const Instant until = machine_monotonic() + work;
  while (machine_monotonic() < until) {
  }
  ++*ran;
  co_return;
}

TEST(EventLoop, StopBeforeRunMakesThatRunReturn) {
  EventLoop loop;
  loop.stop();
  loop.run();
  std::vector<int> out;
  TaskGroup tasks(loop.scheduler());
  tasks.spawn(record(&out, 1));
  loop.run_until([&] { return !out.empty(); });
  EXPECT_THAT(out, ElementsAre(1)) << "a stop counts once";
}

TEST(EventLoop, StopFromAnotherThreadWakesASleepingLoop) {
  EventLoop loop;
  std::thread stopper([&loop] { loop.stop(); });
  loop.run();
  stopper.join();
}

TEST(EventLoop, RunsWhatIsDueFirstInFirstOut) {
  EventLoop loop;
  std::vector<int> out;
  TaskGroup tasks(loop.scheduler());
  for (int i = 0; i < 1000; ++i) tasks.spawn(record(&out, i));
  loop.run_until([&] { return out.size() == 1000; });
  EXPECT_TRUE(std::ranges::is_sorted(out));
}

TEST(EventLoop, FunctionsOfOtherThreadsRunOnItsThreadInTheirOrder) {
  constexpr int kThreads = 4, kEach = 2000;
  EventLoop loop;
  std::array<std::vector<int>, kThreads> out;
  int count = 0;
  const auto loop_thread = std::this_thread::get_id();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        loop.post_from_thread([&, t, i] {
          EXPECT_EQ(std::this_thread::get_id(), loop_thread);
          out[static_cast<size_t>(t)].push_back(i);
          ++count;
        });
      }
    });
  }
  EXPECT_TRUE(run_loop(loop, [&] { return count == kThreads * kEach; }, 60s));
  for (std::thread& thread : threads) thread.join();
  for (const auto& each : out) EXPECT_TRUE(std::ranges::is_sorted(each));
}

// Its length is at least what it was made to take; how much more is the machine's affair.
TEST(EventLoop, CountsHowLongItsTurnsTake) {
  constexpr Duration kWork = LoopTurns::kLongTurn + std::chrono::milliseconds(1);
  EventLoop loop;
  bool done = false;
  loop.post_from_thread([&done, kWork] {
    const Instant until = machine_monotonic() + kWork;
    while (machine_monotonic() < until) {
    }
    done = true;
  });
  loop.run_until([&done] { return done; });
  EXPECT_GE(loop.turns().longest, kWork);
  EXPECT_GE(loop.turns().long_turns(), 1);
  EXPECT_GE(loop.turns().sum, kWork);
}

// Many that are due at once do not keep sockets and other threads waiting until all have run.
TEST(EventLoop, ATurnEndsAfterAWhileWhateverElseIsDue) {
  constexpr int kEvents = 200;
  constexpr Duration kWork = std::chrono::microseconds(200);
  EventLoop loop;
  int ran = 0;
  int ran_before_post = 0;
  bool posted = false;
  TaskGroup tasks(loop.scheduler());
  for (int i = 0; i < kEvents; ++i) {
    tasks.spawn(work_and_post(&loop, kWork, &ran, &ran_before_post, &posted));
  }
  loop.run_until([&] { return ran == kEvents && posted; });
  // Five of them are a millisecond, which the clock may show a little late.
  EXPECT_LE(ran_before_post, 6);
}

TEST(EventLoop, DestroysPostedFunctionsThatItNeverRan) {
  const auto captured = std::make_shared<int>(0);
  {
    EventLoop loop;
    loop.post_from_thread([captured] { ++*captured; });
  }
  EXPECT_EQ(*captured, 0);
  EXPECT_EQ(captured.use_count(), 1);
}

class Busy final : public QueuedEvent {
 public:
  explicit Busy(EventLoop& loop) : loop_(loop) { loop.scheduler().post(*this); }

 protected:
  void fire() override { loop_.scheduler().post(*this); }

 private:
  EventLoop& loop_;
};

struct PipeEnds {
  PipeEnds() { EXPECT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0); }
  int ends[2] = {-1, -1};
};

Task<void> read_byte(WatchedDescriptor* descriptor, int* bytes) {
  char byte = 0;
  while (::read(descriptor->descriptor(), &byte, 1) != 1) {
    if (descriptor->descriptor() < 0) co_return;
    auto readable = descriptor->ready(Readiness::readable);
    co_await readable;
  }
  ++*bytes;
}

TEST(EventLoop, EventsThatAlwaysFollowOneAnotherDoNotStarveDescriptorsOrTimers) {
  EventLoop loop;
  const Busy busy(loop);
  PipeEnds pipe;
  WatchedDescriptor reader(loop, pipe.ends[0]);
  TaskGroup tasks(loop.scheduler());
  int bytes = 0;
  tasks.spawn(read_byte(&reader, &bytes));
  EXPECT_TRUE(run_loop(
      loop,
      [&, written = false]() mutable {
        if (!std::exchange(written, true)) EXPECT_EQ(::write(pipe.ends[1], "x", 1), 1);
        return bytes == 1;
      },
      60s));
  ::close(pipe.ends[1]);
}

TEST(WatchedDescriptor, AnAwaiterMayBeDestroyedAndAnotherWait) {
  EventLoop loop;
  PipeEnds pipe;
  WatchedDescriptor reader(loop, pipe.ends[0]);
  int bytes = 0;
  TaskGroup tasks(loop.scheduler());
  for (int i = 0; i < 5; ++i) {
    const auto number = tasks.spawn(read_byte(&reader, &bytes));
    EXPECT_FALSE(run_loop(loop, [] { return false; }, 1ms));
    tasks.cancel(number);
  }
  tasks.spawn(read_byte(&reader, &bytes));
  EXPECT_EQ(::write(pipe.ends[1], "x", 1), 1);
  EXPECT_TRUE(run_loop(loop, [&] { return bytes == 1; }, 60s));
  ::close(pipe.ends[1]);
}

TEST(WatchedDescriptor, CloseWakesWhoWaits) {
  EventLoop loop;
  PipeEnds pipe;
  WatchedDescriptor reader(loop, pipe.ends[0]);
  int bytes = 0;
  TaskGroup tasks(loop.scheduler());
  tasks.spawn(read_byte(&reader, &bytes));
  EXPECT_FALSE(run_loop(loop, [] { return false; }, 1ms));
  reader.close();
  EXPECT_TRUE(run_loop(loop, [&] { return tasks.size() == 0; }, 60s));
  EXPECT_EQ(bytes, 0);
  ::close(pipe.ends[1]);
}

}  // namespace
}  // namespace vectron
