// A node's own clock.
#pragma once

#include "core/async/sync.h"
#include "core/base/time.h"

namespace vectron {

/// Each node has one. In simulation it has an offset, a drift and (wall only) steps against true
/// time; a deadline or a lease must therefore never be compared across nodes.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Never goes back.
  virtual Instant monotonic() = 0;
  /// May jump both ways.
  virtual WallTime wall() = 0;
  /// The time of the scheduler's clock at which monotonic() will read `local`.
  virtual Instant scheduler_time(Instant local) = 0;
  virtual Scheduler& scheduler() = 0;

  SleepAwaiter sleep_until(Instant local) { return {scheduler(), scheduler_time(local)}; }
  SleepAwaiter sleep_for(Duration duration) { return sleep_until(monotonic() + duration); }
};

}  // namespace vectron
