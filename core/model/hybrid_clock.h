// HybridClock: the timestamps of a shard's log entries. Pure.
//
// A timestamp is milliseconds since 1970 in the upper 48 bits and a counter in the lower 16 (hybrid
// logical clocks, Kulkarni et al. 2014). It never falls within what this clock has seen. A wall
// clock that jumps must not carry it away, for what is stamped far in the future holds every later
// entry of the shard there: so the clock follows its node's wall clock through the monotonic one,
// and makes good a difference by at most an eighth of the time that passes. Only the first reading
// is taken as it is.
#pragma once

#include <cstdint>

#include "core/base/time.h"

namespace vectron {

class HybridClock {
 public:
  /// A timestamp for an entry that is made now; above all that were made or observed before.
  uint64_t next(WallTime wall, Instant monotonic);
  /// Takes note of the timestamp of an entry that was applied.
  void observe(uint64_t timestamp);

  static constexpr unsigned kCounterBits = 16;
  /// Differences shrink by 1/8 of the time passed.
  static constexpr int64_t kCatchUpShare = 8;

 private:
  /// Of the time since 1970, at `read_at_`.
  Duration estimate_{};
  Instant read_at_{};
  bool has_read_ = false;
  uint64_t last_ = 0;
};

}  // namespace vectron
