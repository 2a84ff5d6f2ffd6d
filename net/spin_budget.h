// Whether looking for work a moment longer pays before a thread goes to sleep. Pure.
//
// Each success earns further attempts, each failure uses one up; without any left, one sleep in
// kSleepsPerProbe is used to find out whether it pays again. Owned by an EventLoop.
#pragma once

#include <algorithm>

namespace vectron {

class SpinBudget {
 public:
  static constexpr int kAttemptsMax = 8;
  static constexpr int kAttemptsPerSuccess = 2;
  static constexpr int kSleepsPerProbe = 64;

  /// On a single core whoever spins keeps others from what it waits for.
  explicit SpinBudget(unsigned cores) : pays_(cores > 1) {}

  /// Asked before each sleep; when true, the outcome is told to spun().
  bool should_spin() {
    if (!pays_) return false;
    if (attempts_ > 0) return true;
    sleeps_ = (sleeps_ + 1) % kSleepsPerProbe;
    return sleeps_ == 0;
  }
  void spun(bool found) {
    attempts_ = found ? std::min(attempts_ + kAttemptsPerSuccess, kAttemptsMax)
                      : std::max(attempts_ - 1, 0);
  }

 private:
  bool pays_;
  int attempts_ = 0;
  int sleeps_ = 0;
};

}  // namespace vectron
