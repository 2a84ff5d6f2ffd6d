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
  SimCpu(Scheduler* scheduler, size_t cores, RandomStream random)
      : scheduler_(*scheduler),
        random_(random),
        cores_free_at_(cores),
        background_free_at_(cores),
        lane_(scheduler) {
    VECTRON_ASSERT(cores > 0);
  }

  Task<void> run(CpuCost cost, std::function<void()> work) override;
  size_t parallelism() const override { return cores_free_at_.size(); }

  static constexpr uint64_t kBackgroundSlowdown = 4;

 private:
  Scheduler& scheduler_;
  RandomStream random_;
  std::vector<Instant> cores_free_at_;
  std::vector<Instant> background_free_at_;
  WorkLane lane_;
};

}  // namespace vectron::sim
