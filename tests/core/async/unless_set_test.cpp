#include "core/async/unless_set.h"

#include <gtest/gtest.h>

#include "tests/support/plain_scheduler.h"

namespace vectron {
namespace {

// Counts itself for as long as it lives.
Task<int> work(Event* done, int* alive) {
  struct Life {
    explicit Life(int* the_count) : count(the_count) { ++*count; }
    ~Life() { --*count; }
    int* count;
  } life(alive);
  co_await done->wait();
  co_return 7;
}

class UnlessSet : public testing::Test {
 protected:
  Task<void> race(Event* stop) {
    auto task = work(&done_, &alive_);
    outcome_ = co_await unless_set(&scheduler_, stop, std::move(task));
    ended_ = true;
  }
  void start(Event* stop) {
    group_.spawn(race(stop));
    scheduler_.run_all();
  }

  PlainScheduler scheduler_;
  Event done_{scheduler_};
  Event stop_{scheduler_};
  int alive_ = 0;
  bool ended_ = false;
  std::optional<int> outcome_;
  TaskGroup group_{scheduler_};
};

TEST_F(UnlessSet, GivesWhatTheTaskReturns) {
  start(&stop_);
  EXPECT_EQ(alive_, 1);
  done_.set();
  scheduler_.run_all();
  EXPECT_TRUE(ended_);
  EXPECT_EQ(outcome_, 7);
  EXPECT_EQ(alive_, 0);
}

TEST_F(UnlessSet, DestroysTheTaskWhenTheEventIsSet) {
  start(&stop_);
  stop_.set();
  scheduler_.run_all();
  EXPECT_TRUE(ended_);
  EXPECT_FALSE(outcome_.has_value());
  EXPECT_EQ(alive_, 0);
}

TEST_F(UnlessSet, EndsAtOnceWhenTheEventWasSetBefore) {
  stop_.set();
  start(&stop_);
  EXPECT_TRUE(ended_);
  EXPECT_FALSE(outcome_.has_value());
  EXPECT_EQ(alive_, 0);
}

TEST_F(UnlessSet, WaitsForTheTaskAloneWithoutAnEvent) {
  start(nullptr);
  EXPECT_FALSE(ended_);
  done_.set();
  scheduler_.run_all();
  EXPECT_EQ(outcome_, 7);
}

}  // namespace
}  // namespace vectron
