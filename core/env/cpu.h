// Work that takes long enough to be kept off a node's event loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "core/async/task.h"
#include "core/base/assert.h"

namespace vectron {

/// The cost of some work, for the simulation's model of a node's cores and for the choice of who
/// does it.
struct CpuCost {
  /// Work of at most this estimate is light: it may be done on the node's event loop when that is
  /// idle, and goes before heavier work. (Estimates are low, for real walks wait for memory: this
  /// is about a third of a millisecond.)
  static constexpr uint64_t kLightNanosecondsMax = 60'000;

  uint64_t nanoseconds = 1000;
  /// Nobody waits for it: it gets what everything else leaves over, and is never done on the loop.
  bool background = false;
  /// It is short, though not light, and others wait behind it: it goes before heavier work, and is
  /// never done on the loop.
  bool prompt = false;

  /// The cost of `count` distance evaluations over vectors of `dimension` floats.
  static CpuCost distances(uint64_t count, uint64_t dimension) {
    return {.nanoseconds = 1000 + count * (20 + dimension / 12)};
  }
};

/// Pools of threads in production, those for background work of a lower priority than the rest, and
/// a loop that helps out with light work. In simulation work runs inline and atomically, at the
/// start or the end of a modelled time (the seed chooses), so slow work really races with
/// everything else.
class Cpu {
 public:
  virtual ~Cpu() = default;

  /// Runs `work`. It owns all that it touches, for it may outlive an awaiter that was destroyed
  /// (the Env's destructor joins it).
  virtual Task<void> run(CpuCost cost, std::function<void()> work) = 0;
  /// Says that the node's event loop does such work itself, now. Nothing else of the node goes on
  /// meanwhile, so the simulation fails a run in which one event of a loop costs more than it may.
  /// A real loop is measured instead (net/loop_turns.h).
  virtual void worked_on_loop(CpuCost /*cost*/) {}
  /// How many such functions run at once, light ones apart; and as many in the background.
  virtual size_t parallelism() const = 0;
};

/// Runs `work` on the pool and returns what it returns. The same rule: `work` owns all that it
/// touches.
template <typename T>
Task<T> run_on(Cpu* cpu, CpuCost cost, std::function<T()> work) {
  auto result = std::make_shared<std::optional<T>>();
  std::function<void()> wrapped = [result, work = std::move(work)] { result->emplace(work()); };
  co_await cpu->run(cost, std::move(wrapped));
  std::optional<T>& value = *result;
  VECTRON_ASSERT(value.has_value());
  co_return *std::move(value);
}

}  // namespace vectron
