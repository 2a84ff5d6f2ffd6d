// MemoryEnv: a small deterministic Env for unit tests: virtual time, a disk in memory, no network
// unless the test gives one.
//
// For whole clusters under faults there is the simulation; this is for one module at a time.
#pragma once

#include <set>
#include <string>

#include "core/async/task_group.h"
#include "core/env/env.h"
#include "tests/support/memory_disk.h"
#include "tests/support/plain_scheduler.h"

namespace vectron {

class PlainClock final : public Clock {
 public:
  explicit PlainClock(Scheduler& scheduler) : scheduler_(scheduler) {}
  Instant monotonic() override { return scheduler_.now(); }
  WallTime wall() override { return WallTime(scheduler_.now().time_since_epoch()); }
  Instant scheduler_time(Instant local) override { return local; }
  Scheduler& scheduler() override { return scheduler_; }

 private:
  Scheduler& scheduler_;
};

class NoNetwork final : public Network {
 public:
  Result<std::unique_ptr<Listener>> listen(const Address&) override {
    return fail(Code::unavailable, "this test has no network");
  }
  Task<Result<std::unique_ptr<Connection>>> connect(Address) override {
    co_return fail(Code::unavailable, "this test has no network");
  }
};

class InlineCpu final : public Cpu {
 public:
  explicit InlineCpu(Scheduler& scheduler) : scheduler_(scheduler) {}
  Task<void> run(CpuCost cost, std::function<void()> work) override {
    SleepAwaiter pause(scheduler_, scheduler_.now() + Duration(cost.nanoseconds));
    co_await pause;
    ++jobs_;
    work();
  }
  size_t parallelism() const override { return 1; }
  void worked_on_loop(CpuCost cost) override {
    const uint64_t event = scheduler_.queue().events_run();
    turn_nanoseconds_ = event == event_ ? turn_nanoseconds_ + cost.nanoseconds : cost.nanoseconds;
    event_ = event;
    longest_nanoseconds_ = std::max(longest_nanoseconds_, turn_nanoseconds_);
  }
  /// The most that one event was said to do on the loop.
  Duration longest_turn() const { return Duration(longest_nanoseconds_); }
  /// How much was done elsewhere, in pieces of work.
  size_t jobs() const { return jobs_; }

 private:
  Scheduler& scheduler_;
  uint64_t event_ = 0;
  uint64_t turn_nanoseconds_ = 0;
  uint64_t longest_nanoseconds_ = 0;
  size_t jobs_ = 0;
};

class NoLog final : public Log {
 public:
  bool enabled(LogLevel) const override { return false; }
  void write(LogLevel, std::string_view, std::string_view) override {}
};

/// See the top of this file. `planted_bugs` and `buggify_ppm` are for the test to set.
class MemoryEnv final : public Env {
 public:
  explicit MemoryEnv(uint64_t seed = 1) : seed_(seed), buggify_random_(seed, "buggify") {}

  Scheduler& scheduler() override { return scheduler_; }
  Clock& clock() override { return clock_; }
  Network& network() override { return links != nullptr ? *links : network_; }
  MemoryDisk& disk() override { return disk_; }
  InlineCpu& cpu() override { return cpu_; }
  Log& log() override { return log_; }
  Metrics& metrics() override { return metrics_; }
  RandomStream random(std::string_view name) override { return RandomStream(seed_, name); }
  bool buggify(std::string_view) override { return buggify_random_.chance_ppm(buggify_ppm); }
  bool planted(std::string_view name) override { return planted_bugs.contains(name); }

  PlainScheduler& plain_scheduler() { return scheduler_; }

  /// Runs events until `task` ends, and returns its result.
  template <typename T>
  T run(Task<T> task) {
    std::optional<T> result;
    TaskGroup group(scheduler_);
    group.spawn(store_result(std::move(task), &result));
    while (!result) run_one();
    return *std::move(result);
  }
  void run(Task<void> task) {
    bool done = false;
    TaskGroup group(scheduler_);
    group.spawn(store_done(std::move(task), &done));
    while (!done) run_one();
  }
  /// Runs one event; false when nothing is due ever.
  bool try_run_one() {
    if (scheduler_.queue().next_time() == kNever) return false;
    scheduler_.queue().run_next();
    return true;
  }
  void run_all() {
    while (try_run_one()) {
    }
  }
  void run_for(Duration time) {
    const Instant end = scheduler_.now() + time;
    while (scheduler_.queue().next_time() <= end) scheduler_.queue().run_next();
    scheduler_.queue().advance_to(end);
  }

  /// Given to those who ask for the network; null for none.
  Network* links = nullptr;
  std::set<std::string, std::less<>> planted_bugs;
  uint64_t buggify_ppm = 0;

 private:
  void run_one() {
    const bool ran = try_run_one();
    VECTRON_ASSERT(ran, "the task waits for something that never comes");
  }
  template <typename T>
  static Task<void> store_result(Task<T> task, std::optional<T>* result) {
    T value = co_await task;
    result->emplace(std::move(value));
  }
  static Task<void> store_done(Task<void> task, bool* done) {
    co_await task;
    *done = true;
  }

  uint64_t seed_;
  RandomStream buggify_random_;
  PlainScheduler scheduler_;
  PlainClock clock_{scheduler_};
  NoNetwork network_;
  MemoryDisk disk_{scheduler_};
  InlineCpu cpu_{scheduler_};
  NoLog log_;
  Metrics metrics_;
};

}  // namespace vectron
