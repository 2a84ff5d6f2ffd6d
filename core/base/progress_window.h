// ProgressWindow: whether a transfer moves fast enough to be worth waiting for. Pure.
//
// In each window of time it must move so many bytes or come to its end; otherwise whoever waits for
// it gives up. A byte now and then does not keep it alive, and neither does an early rush.
#pragma once

#include <cstddef>

#include "core/base/time.h"

namespace vectron {

class ProgressWindow {
 public:
  struct Rate {
    Duration window{};
    /// Of each window.
    size_t bytes_min = 0;
  };
  ProgressWindow(Rate rate, Instant now) : rate_(rate), end_(now + rate.window) {}

  /// When to look next.
  Instant end() const { return end_; }
  void moved(size_t bytes) { bytes_ += bytes; }
  /// Whether it may go on; begins the next window when this one is over.
  bool goes_on(Instant now) {
    if (now < end_) return true;
    const bool enough = bytes_ >= rate_.bytes_min;
    end_ = now + rate_.window;
    bytes_ = 0;
    return enough;
  }

 private:
  Rate rate_;
  Instant end_;
  size_t bytes_ = 0;
};

}  // namespace vectron
