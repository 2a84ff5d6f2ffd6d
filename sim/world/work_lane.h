// WorkLane: functions that run inline, at the start or at the end of a modelled time.
//
// Behind Cpu and BlockingDirectory. A function that was handed in runs even when its awaiter is
// destroyed before, as on a real thread pool; destroying the lane (a crash) drops those that have
// not run. Part of one process' Env.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "core/async/event_queue.h"
#include "core/async/task.h"

namespace vectron::sim {

class WorkLane {
 private:
  class Job;
  struct Awaiter;

 public:
  /// When a function begins and ends, and at which of the two it runs.
  struct Slot {
    Instant begin;
    Instant end;
    bool runs_at_begin = false;
    /// From run() until it has ended.
    Job* job = nullptr;
  };

  explicit WorkLane(Scheduler* scheduler);
  WorkLane(const WorkLane&) = delete;
  WorkLane& operator=(const WorkLane&) = delete;
  ~WorkLane();

  /// Runs `work` once and returns at slot.end.
  Task<void> run(Slot slot, std::function<void()> work);
  /// The same for a slot that may be put off before it begins.
  Task<void> run(std::shared_ptr<Slot> slot, std::function<void()> work);
  /// Lets a slot begin so much later. Requires: it has not begun.
  void put_off(Slot* slot, Duration by);
  size_t jobs() const { return jobs_.size(); }

 private:
  Scheduler& scheduler_;
  std::map<uint64_t, std::unique_ptr<Job>> jobs_;
  uint64_t next_job_ = 1;
};

}  // namespace vectron::sim
