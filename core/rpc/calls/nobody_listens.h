// NobodyListens: whether it is time to tell the caller that there is no process to ask.
#pragma once

#include <cstddef>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/env/refused.h"

namespace vectron::rpc {

/// Whether nobody listens at any of those that were asked: each refused the connection when it was
/// last asked, and there was some patience with them, for a process that starts again is soon back.
class NobodyListens {
 public:
  NobodyListens(size_t targets, Instant patient_until)
      : targets_(targets), patient_until_(patient_until) {}
  void note(const Status& failure) {
    in_a_row_ = failure.field() == kRefusedField ? in_a_row_ + 1 : 0;
  }
  /// There are others to ask now.
  void restart(size_t targets) {
    targets_ = targets;
    in_a_row_ = 0;
  }
  /// Whether the caller is told, rather than asking again at `next`.
  bool holds(Instant next) const { return in_a_row_ >= targets_ && next >= patient_until_; }

 private:
  size_t targets_;
  Instant patient_until_;
  size_t in_a_row_ = 0;
};

}  // namespace vectron::rpc
