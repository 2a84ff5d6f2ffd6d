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
 public:
  /// When a function begins and ends, and at which of the two it runs.
  struct Slot {
    Instant begin;
    Instant end;
    bool runs_at_begin = false;
  };

  explicit WorkLane(Scheduler* scheduler);
  WorkLane(const WorkLane&) = delete;
  WorkLane& operator=(const WorkLane&) = delete;
  ~WorkLane();

  /// Runs `work` once and returns at slot.end.
  Task<void> run(Slot slot, std::function<void()> work);
  size_t jobs() const { return jobs_.size(); }

 private:
  class Job;
  struct Awaiter;

  Scheduler& scheduler_;
  std::map<uint64_t, std::unique_ptr<Job>> jobs_;
  uint64_t next_job_ = 1;
};

}  // namespace vectron::sim
