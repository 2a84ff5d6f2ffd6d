#include "core/replica/stall_watch.h"

namespace vectron {

void StallWatch::tick(bool waiting, uint64_t position) {
  const bool got_on = !waiting || position != position_;
  position_ = position;
  stalled_ticks_ = got_on ? 0 : stalled_ticks_ + 1;
}

}  // namespace vectron
