// SimClock: one machine's clocks against the world's true time.
#pragma once

#include "core/base/time.h"

namespace vectron::sim {

/// Turns the world's time into a machine's and back, in integers. The monotonic clock never goes
/// back; the wall clock follows it and can be stepped. Both run fast by drift_ppb.
class SimClock {
 public:
  struct Start {
    Duration monotonic_offset{};
    Duration wall_offset{};
    int64_t drift_ppb = 0;
  };
  explicit SimClock(Start start);

  Instant monotonic(Instant world) const;
  WallTime wall(Instant world) const;
  /// The first time of the world at which monotonic() reads at least `local`; kNever for kNever.
  Instant world_time(Instant local) const;

  /// From `world` on the clocks run fast by `drift_ppb`, without a jump.
  void set_drift(Instant world, int64_t drift_ppb);
  /// The wall clock jumps by `step`; the monotonic one does not.
  void step_wall(Duration step) { wall_offset_ += step; }

 private:
  /// Where the present drift began.
  Instant world_base_{};
  /// The reading of monotonic() where the present drift began.
  Instant local_base_{};
  Duration wall_offset_;
  int64_t drift_ppb_;
};

}  // namespace vectron::sim
