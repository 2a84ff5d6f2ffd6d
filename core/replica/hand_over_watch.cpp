#include "core/replica/hand_over_watch.h"

namespace vectron {

void HandOverWatch::tick(const Sight& sight) {
  log_.tick(sight.log_waits, sight.log_position);
  apply_.tick(sight.apply_waits, sight.apply_position);
  if (pause_ticks_ > 0) --pause_ticks_;
}

bool HandOverWatch::is_due(bool others_can_vote) const {
  if (pause_ticks_ > 0) return false;
  if (log_.stalled_ticks() >= election_ticks_) return others_can_vote;
  return apply_.stalled_ticks() >= election_ticks_;
}

void HandOverWatch::tried() {
  pause_ticks_ = 2 * election_ticks_;
  ++attempts_;
}

}  // namespace vectron
