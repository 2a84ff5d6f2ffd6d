// SimCpu: a machine's cores, as one process uses them.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "core/base/random.h"
#include "core/env/cpu.h"
#include "sim/world/work_lane.h"

namespace vectron::sim {

/// Work takes its modelled cost (up to half more, by the seed) on the core that is free first, and
/// waits there for its turn. Prompt work waits only for what has begun and for other prompt work:
/// the rest that waits for that core begins later. Background work is on the same cores with a
/// lower priority: it keeps nothing else waiting, and takes up to kBackgroundSlowdown times as
/// long.
class SimCpu final : public Cpu {
 public:
  /// Told when one event of the process has done more work on the loop than kTurnMax, once for each
  /// such event.
  using OnLongTurn = std::function<void(Duration)>;

  SimCpu(Scheduler* scheduler, size_t cores, RandomStream random, OnLongTurn on_long_turn = {})
      : scheduler_(*scheduler),
        on_long_turn_(std::move(on_long_turn)),
        random_(random),
        cores_(cores),
        background_free_at_(cores),
        lane_(scheduler) {
    VECTRON_ASSERT(cores > 0);
  }

  Task<void> run(CpuCost cost, std::function<void()> work) override;
  size_t parallelism() const override { return cores_.size(); }
  /// Takes no modelled time: it is only summed up for each event.
  void worked_on_loop(CpuCost cost) override;

  /// The longest that one event may work on the loop. (A real turn is a few of them.)
  static constexpr Duration kTurnMax = std::chrono::milliseconds(5);

  static constexpr uint64_t kBackgroundSlowdown = 4;

 private:
  struct Work {
    std::shared_ptr<WorkLane::Slot> slot;
    bool prompt = false;
  };
  /// The work that one core does and will do, one after the other without a pause.
  using Core = std::deque<Work>;

  /// The place in the line that prompt work (or other work) gets.
  Core::const_iterator place_in(const Core& core, bool prompt) const;
  void put_in_line(Work work, Duration length);

  Scheduler& scheduler_;
  OnLongTurn on_long_turn_;
  /// The event that worked on the loop last.
  uint64_t event_ = 0;
  /// For how long that event worked.
  Duration worked_{};
  RandomStream random_;
  std::vector<Core> cores_;
  std::vector<Instant> background_free_at_;
  WorkLane lane_;
};

}  // namespace vectron::sim
