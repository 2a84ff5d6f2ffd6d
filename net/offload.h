// One owner's way from its event loop into a thread pool and back.
//
// A function that was given to run() is run at most once, and destroyed on the loop's thread, so
// its captures may hold what belongs to the loop. An awaiter that is destroyed before its function
// began takes it back; once begun, the function ends by itself and its completion goes nowhere.
#pragma once

#include <functional>
#include <memory>

#include "core/async/task.h"
#include "core/env/cpu.h"
#include "net/event_loop.h"
#include "net/thread_pool.h"

namespace vectron {

/// Belongs to the loop's thread.
class Offload {
 public:
  /// How many prompt functions the pool may hold for an owner; they pass all others that wait.
  static constexpr size_t kPromptInFlightMax = 64;

  struct Limits {
    /// How many functions the pool may hold for this owner; further callers wait on the loop, first
    /// in, first out. With 1 the functions run one after another in the order of the calls.
    size_t jobs_in_flight_max = 256;
    /// Its functions need a core each, so the loop does not spin while the pool has one.
    bool computes = false;
  };

  Offload(EventLoop& loop, ThreadPool& pool, Limits limits);
  Offload(const Offload&) = delete;
  Offload& operator=(const Offload&) = delete;
  /// Waits for functions that have begun; the others are not run.
  ~Offload();

  enum class Weight : uint8_t {
    /// In line with everybody else's work on the pool.
    heavy,
    /// Quick, and somebody waits for it: the loop does it itself when it has nothing else to do (no
    /// thread is woken then), otherwise the pool does, ahead of heavy work.
    light,
    /// Never for the loop; the pool does it ahead of heavy work, however much of that waits here.
    prompt,
  };
  /// Runs `work` on the pool and resumes on the loop. `work` owns all that it touches.
  Task<void> run(std::function<void()> work, Weight weight = Weight::heavy);

 private:
  struct Job;
  struct State;
  class Awaiter;
  class LoopWork;

  std::shared_ptr<State> state_;
};

/// Cpu on two thread pools, and light work on the loop when that is idle.
class PoolCpu final : public Cpu {
 public:
  PoolCpu(EventLoop& loop, ThreadPool& pool, ThreadPool& background)
      : background_pool_(background),
        foreground_(loop, pool, Offload::Limits{.computes = true}),
        background_(loop, background, Offload::Limits{.computes = true}) {}

  Task<void> run(CpuCost cost, std::function<void()> work) override;
  size_t parallelism() const override { return background_pool_.threads(); }

 private:
  ThreadPool& background_pool_;
  Offload foreground_;
  Offload background_;
};

}  // namespace vectron
