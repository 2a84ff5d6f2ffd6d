// How often each fault class changed something that a service could observe.
#pragma once

#include <array>
#include <cstdint>

#include "sim/plan/fault_class.h"

namespace vectron::sim {

/// A class counts only when an outcome changed: a partition that no byte tried to cross has not
/// fired.
class FaultCounters {
 public:
  uint64_t count(FaultClass fault_class) const { return counts_[static_cast<size_t>(fault_class)]; }
  void add(FaultClass fault_class, uint64_t times = 1) {
    counts_[static_cast<size_t>(fault_class)] += times;
  }
  /// How many classes fired at least once.
  size_t classes_fired() const {
    size_t fired = 0;
    for (const uint64_t count : counts_) fired += count > 0 ? 1 : 0;
    return fired;
  }
  bool operator==(const FaultCounters&) const = default;

 private:
  std::array<uint64_t, kFaultClassCount> counts_{};
};

}  // namespace vectron::sim
