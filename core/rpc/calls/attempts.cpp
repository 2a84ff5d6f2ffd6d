#include "core/rpc/calls/attempts.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::rpc {

Attempts::Attempts(AttemptLimits limits, RandomStream* random, size_t targets, size_t first)
    : limits_(limits), random_(random), targets_(targets), target_(first) {
  VECTRON_ASSERT(targets > 0 && first < targets, "{} of {}", first, targets);
  backoff_ = limits_.backoff_min;
}

bool Attempts::advance(std::optional<size_t> hint) {
  if (++failed_ >= limits_.attempts_max) return false;
  pause_ = Duration(0);
  if (hint && *hint < targets_ && *hint != target_ && !hint_followed_) {
    hint_followed_ = true;
    target_ = *hint;
    return true;
  }
  if (asked_in_round_ < targets_) {
    ++asked_in_round_;
    target_ = (target_ + 1) % targets_;
    return true;
  }
  // The hint is worth more than the order: whoever was named is asked first in the new round.
  target_ = hint && *hint < targets_ ? *hint : (target_ + 1) % targets_;
  begin_round();
  return true;
}

void Attempts::restart(size_t targets, size_t first) {
  VECTRON_ASSERT(targets > 0 && first < targets, "{} of {}", first, targets);
  targets_ = targets;
  target_ = first;
  begin_round();
}

void Attempts::begin_round() {
  asked_in_round_ = 1;
  hint_followed_ = false;
  const uint64_t half = static_cast<uint64_t>(backoff_.count() / 2);
  pause_ = backoff_ - Duration(static_cast<int64_t>(random_->below(half + 1)));
  backoff_ = std::min(backoff_ * 2, limits_.backoff_max);
}

}  // namespace vectron::rpc
