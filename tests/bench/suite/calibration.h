// How wide a search must look to find what it should: searches are compared at equal recall. Pure.
#pragma once

#include <functional>

#include "core/base/result.h"

namespace vectron::bench {

/// The smallest ef at which the recall is good enough, and that recall.
struct Calibration {
  static constexpr double kRecallMin = 0.99;
  static constexpr double kRecallDifferenceMax = 0.002;
  size_t ef = 0;
  double recall = 0;
};

inline constexpr size_t kEfMin = 10;
inline constexpr size_t kEfMax = 1'000;

/// Looks for it from kEfMin to about kEfMax by bisection. Requires: `recall_at(ef)` grows with ef.
/// Errors: its own; failed_precondition (there is no such ef).
Result<Calibration> calibrate(const std::function<Result<double>(size_t ef)>& recall_at);

}  // namespace vectron::bench
