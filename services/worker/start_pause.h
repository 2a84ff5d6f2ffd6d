// StartPause: when a replica that did not start is tried again.
//
// Orders come up to ten times a second, and a try may read a whole store. So each pause is twice
// the one before, up to a bound that is no longer than a heartbeat: what was in the way may go.
#pragma once

#include <algorithm>

#include "core/base/time.h"

namespace vectron {

class StartPause {
 public:
  static constexpr Duration kMin = std::chrono::milliseconds(100);
  static constexpr Duration kMax = std::chrono::seconds(5);

  /// A try has failed.
  void failed(Instant now) {
    pause_ = std::clamp(2 * pause_, kMin, kMax);
    next_ = now + pause_;
  }
  bool is_over(Instant now) const { return now >= next_; }

 private:
  Duration pause_{};
  Instant next_{};
};

}  // namespace vectron
