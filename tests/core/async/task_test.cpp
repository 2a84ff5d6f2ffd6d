#include "core/async/task.h"

#include <gtest/gtest.h>

#include <rapidcheck/gtest.h>

#include "core/async/cancellation.h"
#include "core/async/combine.h"
#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "tests/support/plain_scheduler.h"

namespace vectron {
namespace {

struct Tracker {
  explicit Tracker(int* alive) : alive_(alive) { ++*alive_; }
  Tracker(const Tracker&) = delete;
  ~Tracker() { --*alive_; }
  int* alive_;
};

Task<int> value_after(Scheduler* scheduler, Duration delay, int value) {
  SleepAwaiter sleep(*scheduler, scheduler->now() + delay);
  co_await sleep;
  co_return value;
}

Task<void> sum_into(Scheduler* scheduler, int* out) {
  const int a = co_await value_after(scheduler, 5ms, 1);
  const int b = co_await value_after(scheduler, 5ms, 2);
  *out = a + b;
}

Task<void> wait_for_ever(Scheduler* scheduler, int* alive) {
  Tracker tracker(alive);
  Event never(*scheduler);
  co_await never.wait();
}

Task<int> int_for_ever(Scheduler* scheduler, int* alive) {
  co_await wait_for_ever(scheduler, alive);
  co_return 1;
}

TEST(Task, RunsChildrenAndReturnsTheirValues) {
  PlainScheduler scheduler;
  TaskGroup group(scheduler);
  int out = 0;
  group.spawn(sum_into(&scheduler, &out));
  scheduler.run_all();
  EXPECT_EQ(out, 3);
  EXPECT_EQ(group.size(), 0u);
  EXPECT_EQ(scheduler.now(), Instant(10ms));
}

TEST(TaskGroup, DestroysWaitingFramesWithTheirLocals) {
  PlainScheduler scheduler;
  int alive = 0;
  {
    TaskGroup group(scheduler);
    group.spawn(wait_for_ever(&scheduler, &alive));
    group.spawn(wait_for_ever(&scheduler, &alive));
    scheduler.run_all();
    EXPECT_EQ(alive, 2);
  }
  EXPECT_EQ(alive, 0);
}

TEST(TaskGroup, CancelsOneTaskAndLeavesTheOthers) {
  PlainScheduler scheduler;
  int alive = 0;
  TaskGroup group(scheduler);
  const auto first = group.spawn(wait_for_ever(&scheduler, &alive));
  group.spawn(wait_for_ever(&scheduler, &alive));
  scheduler.run_all();
  group.cancel(first);
  EXPECT_EQ(alive, 1);
  group.cancel(first);
  EXPECT_EQ(group.size(), 1u);
}

Task<void> deadline_into(Scheduler* scheduler, Duration limit, int* alive, std::optional<int>* out,
                         bool* done) {
  *out = co_await with_deadline(
      scheduler, scheduler->now() + limit,
      alive != nullptr ? int_for_ever(scheduler, alive) : value_after(scheduler, 10ms, 7));
  *done = true;
}

TEST(WithDeadline, DestroysTheTaskWhenTimeRunsOut) {
  PlainScheduler scheduler;
  TaskGroup group(scheduler);
  int alive = 0;
  bool done = false;
  std::optional<int> out;
  group.spawn(deadline_into(&scheduler, 3ms, &alive, &out, &done));
  scheduler.run_all();
  EXPECT_TRUE(done);
  EXPECT_FALSE(out.has_value());
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(scheduler.now(), Instant(3ms));
}

TEST(WithDeadline, ReturnsTheValueAndForgetsTheTimer) {
  PlainScheduler scheduler;
  TaskGroup group(scheduler);
  bool done = false;
  std::optional<int> out;
  group.spawn(deadline_into(&scheduler, 1h, nullptr, &out, &done));
  scheduler.run_all();
  EXPECT_TRUE(done);
  EXPECT_EQ(out, 7);
  EXPECT_EQ(scheduler.now(), Instant(10ms));
}

Task<void> gather(Scheduler* scheduler, std::vector<int>* out) {
  std::vector<Task<int>> tasks;
  tasks.push_back(value_after(scheduler, 30ms, 3));
  tasks.push_back(value_after(scheduler, 10ms, 1));
  tasks.push_back(value_after(scheduler, 20ms, 2));
  *out = co_await when_all(std::move(tasks));
}

TEST(WhenAll, KeepsTheOrderOfItsTasks) {
  PlainScheduler scheduler;
  TaskGroup group(scheduler);
  std::vector<int> out;
  group.spawn(gather(&scheduler, &out));
  scheduler.run_all();
  EXPECT_EQ(out, (std::vector<int>{3, 1, 2}));
  EXPECT_EQ(scheduler.now(), Instant(30ms));
}

Task<void> produce(Channel<int>* channel, int count) {
  for (int i = 0; i < count; ++i) co_await channel->push(i);
  channel->close();
}
Task<void> consume(Channel<int>* channel, std::vector<int>* out) {
  while (true) {
    const std::optional<int> item = co_await channel->pop();
    if (!item) co_return;
    out->push_back(*item);
  }
}

TEST(Channel, DeliversInOrderThroughABoundedBuffer) {
  PlainScheduler scheduler;
  Channel<int> channel(scheduler, 2);
  std::vector<int> out;
  TaskGroup group(scheduler);
  group.spawn(consume(&channel, &out));
  group.spawn(produce(&channel, 5));
  scheduler.run_all();
  EXPECT_EQ(out, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(group.size(), 0u);
}

Task<void> hold(Scheduler* scheduler, Semaphore* semaphore, int* inside, int* most) {
  auto permit = co_await semaphore->acquire();
  *most = std::max(*most, ++*inside);
  SleepAwaiter sleep(*scheduler, scheduler->now() + 1ms);
  co_await sleep;
  --*inside;
}

TEST(Semaphore, BoundsHowManyAreInside) {
  PlainScheduler scheduler;
  Semaphore semaphore(scheduler, 2);
  int inside = 0, most = 0;
  TaskGroup group(scheduler);
  for (int i = 0; i < 7; ++i) group.spawn(hold(&scheduler, &semaphore, &inside, &most));
  scheduler.run_all();
  EXPECT_EQ(most, 2);
  EXPECT_EQ(semaphore.free(), 2u);
}

class Recorder final : public QueuedEvent {
 public:
  Recorder(std::vector<int>* out, int value) : out_(out), value_(value) {}

 protected:
  void fire() override { out_->push_back(value_); }

 private:
  std::vector<int>* out_;
  int value_;
};

TEST(EventQueue, RunsByTimeThenTieThenSequence) {
  EventQueue queue;
  std::vector<int> out;
  Recorder a(&out, 1), b(&out, 2), c(&out, 3), d(&out, 4);
  queue.add(a, Instant(2ms), 0);
  queue.add(b, Instant(1ms), 9);
  queue.add(c, Instant(1ms), 3);
  queue.add(d, Instant(2ms), 0);
  while (queue.next_time() != kNever) queue.run_next();
  EXPECT_EQ(out, (std::vector<int>{3, 2, 1, 4}));
}

// The twin of the queue: what waits, in a sorted list.
struct SortedQueue {
  using Key = std::tuple<int64_t, uint64_t, uint64_t>;  // time, tie, sequence
  std::map<Key, int> waiting;
  uint64_t sequence = 0;
};

RC_GTEST_PROP(EventQueue, RunsInTheOrderOfASortedListWhateverIsCancelled,
              (const std::vector<std::pair<uint8_t, uint8_t>>& steps)) {
  EventQueue queue;
  SortedQueue twin;
  std::vector<int> out, expected;
  std::map<int, std::pair<std::unique_ptr<Recorder>, SortedQueue::Key>> events;
  const auto run_one = [&] {
    if (twin.waiting.empty()) return;
    const auto first = twin.waiting.begin();
    expected.push_back(first->second);
    twin.waiting.erase(first);
    queue.run_next();
  };
  int number = 0;
  for (const auto& [action, value] : steps) {
    if (action % 4 == 0) {
      run_one();
    } else if (action % 4 == 1 && !events.empty()) {
      const auto victim = std::next(events.begin(), value % static_cast<int>(events.size()));
      twin.waiting.erase(victim->second.second);
      events.erase(victim);
    } else {
      // Half of the events are due at once, as most are.
      const Instant when = queue.now() + Duration(value % 2 == 0 ? 0 : value);
      const SortedQueue::Key key{when.time_since_epoch().count(), action, twin.sequence++};
      auto event = std::make_unique<Recorder>(&out, ++number);
      queue.add(*event, when, action);
      twin.waiting.emplace(key, number);
      events.emplace(number, std::pair(std::move(event), key));
    }
  }
  while (!twin.waiting.empty()) run_one();
  RC_ASSERT(queue.next_time() == kNever);
  RC_ASSERT(out == expected);
}

// Records its number when it runs, and makes something due.
class Maker final : public QueuedEvent {
 public:
  Maker(Scheduler* scheduler, std::vector<int>* out, QueuedEvent* due)
      : scheduler_(scheduler), out_(out), due_(due) {}

 protected:
  void fire() override {
    out_->push_back(0);
    scheduler_->post(*due_);
  }

 private:
  Scheduler* scheduler_;
  std::vector<int>* out_;
  QueuedEvent* due_;
};

TEST(Scheduler, RunsWhatEndsATurnBehindAllThatTheTurnMakesDue) {
  PlainScheduler scheduler;
  std::vector<int> out;
  Recorder send(&out, 4), gather(&out, 3), made(&out, 2), other(&out, 1), later(&out, 5);
  Maker maker(&scheduler, &out, &made);
  scheduler.post_last(send, TurnEnd::send);
  scheduler.post_last(gather, TurnEnd::gather);
  scheduler.post_at(later, scheduler.now() + 1ns);
  scheduler.post(maker);
  scheduler.post(other);
  scheduler.run_all();
  EXPECT_EQ(out, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST(CancellationToken, IsSharedByItsCopiesOnceItIsMade) {
  CancellationToken token = CancellationToken::create();
  const CancellationToken copy = token;
  EXPECT_FALSE(copy.cancelled());
  token.cancel();
  EXPECT_TRUE(copy.cancelled());
  CancellationToken of_nobody;
  of_nobody.cancel();
  EXPECT_FALSE(of_nobody.cancelled());
}

TEST(EventQueue, ForgetsManyCancelledTimers) {
  EventQueue queue;
  std::vector<int> out;
  for (int round = 0; round < 1000; ++round) {
    Recorder timer(&out, round);
    queue.add(timer, Instant(1h), 0);
    EXPECT_EQ(queue.size(), 1u);
  }
  EXPECT_EQ(queue.next_time(), kNever);
  EXPECT_TRUE(out.empty());
}

TEST(EventQueue, HoldsBackTheEventsOfAnOwnerAndRunsThemInTheirOrder) {
  EventQueue queue;
  std::vector<int> out;
  Recorder a(&out, 1), b(&out, 2), c(&out, 3), d(&out, 4);
  queue.add(a, Instant(2ms), 0, 7);
  queue.add(b, Instant(1ms), 0, 7);
  queue.add(c, Instant(1ms), 0, 8);
  queue.add(d, Instant(5ms), 0, 7);
  queue.hold(7);
  EXPECT_TRUE(queue.is_held(7));
  EXPECT_EQ(queue.next_time(), Instant(1ms));
  queue.run_next();
  EXPECT_EQ(out, (std::vector<int>{3}));
  queue.advance_to(Instant(3ms));
  EXPECT_EQ(queue.next_time(), kNever);
  EXPECT_EQ(queue.let_go(7), 3u);
  EXPECT_EQ(queue.next_time(), Instant(3ms));
  while (queue.next_time() != kNever) queue.run_next();
  EXPECT_EQ(out, (std::vector<int>{3, 2, 1, 4}));
  EXPECT_EQ(queue.now(), Instant(5ms));
}

TEST(EventQueue, ForgetsCancelledEventsThatItHoldsBack) {
  EventQueue queue;
  std::vector<int> out;
  queue.hold(1);
  {
    Recorder a(&out, 1);
    queue.add(a, Instant(1ms), 0, 1);
    EXPECT_EQ(queue.next_time(), kNever);
  }
  EXPECT_EQ(queue.let_go(1), 0u);
  EXPECT_EQ(queue.next_time(), kNever);
  EXPECT_EQ(queue.size(), 0u);
}

}  // namespace
}  // namespace vectron
