// When a replica should hand its leadership over because its own disk does not keep up, and to
// whom. Pure.
//
// A leader applies, and so answers, only what is durable in its own log. One whose disk hangs or is
// full would keep its group from working although a quorum is well: its heartbeats still go out.
#pragma once

#include <cstdint>

namespace vectron {

/// Counts ticks in which something waits and nothing gets on.
class StallWatch {
 public:
  /// One tick has passed. `waiting`: there is something to do; `position`: changes whenever some of
  /// it was done.
  void tick(bool waiting, uint64_t position);
  /// For how many ticks nothing has got on.
  uint32_t stalled_ticks() const { return stalled_ticks_; }

 private:
  uint64_t position_ = 0;
  uint32_t stalled_ticks_ = 0;
};

}  // namespace vectron
