// SimCpu: a machine's cores, as one process uses them.
#pragma once

#include <vector>

#include "core/base/random.h"
#include "core/env/cpu.h"
#include "sim/world/work_lane.h"

namespace vectron::sim {

/// Work takes its modelled cost (up to half more, by the seed) on the core that is free first.
/// Background work is on the same cores with a lower priority: it keeps nothing else waiting, and
/// takes up to kBackgroundSlowdown times as long.
class SimCpu final : public Cpu {
 public:
  /// Told when one event of the process has done more work on the loop than kTurnMax, once for each
  /// such event.
  using OnLongTurn = std::function<void(Duration)>;

  SimCpu(Scheduler* scheduler, size_t cores, RandomStream random, OnLongTurn on_long_turn = {})
      : scheduler_(*scheduler),
        on_long_turn_(std::move(on_long_turn)),
        random_(random),
        cores_free_at_(cores),
        background_free_at_(cores),
        prompt_free_at_(cores),
        lane_(scheduler) {
    VECTRON_ASSERT(cores > 0);
  }

  Task<void> run(CpuCost cost, std::function<void()> work) override;
  size_t parallelism() const override { return cores_free_at_.size(); }
  /// Takes no modelled time: it is only summed up for each event.
  void worked_on_loop(CpuCost cost) override;

  /// What one event may do on the loop. (A real turn is a few of them.)
  static constexpr Duration kTurnMax = std::chrono::milliseconds(5);

  static constexpr uint64_t kBackgroundSlowdown = 4;

 private:
  Scheduler& scheduler_;
  OnLongTurn on_long_turn_;
  uint64_t event_ = 0;  ///< The one that worked on the loop last,
  Duration worked_{};   ///< and for how long.
  RandomStream random_;
  std::vector<Instant> cores_free_at_;
  std::vector<Instant> background_free_at_;
  std::vector<Instant> prompt_free_at_;
  WorkLane lane_;
};

}  // namespace vectron::sim
