// Seldom: lets an event through once in a while, and counts the others. For log lines that a peer
// could cause as often as it likes. Pure.
#pragma once

#include <cstdint>
#include <utility>

#include "core/base/time.h"

namespace vectron {

class Seldom {
 public:
  explicit Seldom(Duration pause) : pause_(pause) {}

  /// Notes an event. How many there were since the last that was let through, this one included;
  /// 0 when it is not let through.
  uint64_t note(Instant now) {
    ++count_;
    if (noted_ && now < next_) return 0;
    noted_ = true;
    next_ = now + pause_;
    return std::exchange(count_, 0);
  }

 private:
  Duration pause_;
  Instant next_{};
  bool noted_ = false;
  uint64_t count_ = 0;
};

}  // namespace vectron
