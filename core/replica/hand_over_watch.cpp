#include "core/replica/hand_over_watch.h"

#include <algorithm>

namespace vectron {

void HandOverWatch::tick(const Sight& sight) {
  log_.tick(sight.log_waits, sight.log_position);
  apply_.tick(sight.apply_waits, sight.apply_position);
  if (pause_ticks_ > 0) --pause_ticks_;
}

bool HandOverWatch::is_due() const {
  const uint32_t stalled = std::max(log_.stalled_ticks(), apply_.stalled_ticks());
  return stalled >= election_ticks_ && pause_ticks_ == 0;
}

void HandOverWatch::tried() {
  pause_ticks_ = 2 * election_ticks_;
  ++attempts_;
}

}  // namespace vectron
