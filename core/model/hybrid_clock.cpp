#include "core/model/hybrid_clock.h"

#include <algorithm>

namespace vectron {

uint64_t HybridClock::next(WallTime wall, Instant monotonic) {
  const Duration read = std::max(wall.time_since_epoch(), Duration::zero());
  if (!has_read_) {
    estimate_ = read;
    has_read_ = true;
  } else {
    const Duration passed = std::max(monotonic - read_at_, Duration::zero());
    const Duration correction_max = passed / kCatchUpShare;
    const Duration difference = read - (estimate_ + passed);
    estimate_ += passed + std::clamp(difference, -correction_max, correction_max);
  }
  read_at_ = monotonic;
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(estimate_);
  last_ = std::max(static_cast<uint64_t>(milliseconds.count()) << kCounterBits, last_ + 1);
  return last_;
}

void HybridClock::observe(uint64_t timestamp) {
  last_ = std::max(last_, timestamp);
}

}  // namespace vectron
