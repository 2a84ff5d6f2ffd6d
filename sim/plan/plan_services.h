// The services of a plan, one row each: how many nodes it has of them, and how many may be struck.
//
// They are those of services/roster.h under the same names; a test compares the two. Plans stand
// below the services, so that the simulated world needs none of them.
#pragma once

#include <span>
#include <string_view>

#include "sim/plan/plan.h"

namespace vectron::sim {

struct PlanService {
  /// "worker": its nodes are "worker-0", ...
  std::string_view name;
  /// "workers": the target of a fault that strikes all of them.
  std::string_view plural;
  uint32_t PlanShape::* nodes = nullptr;
  /// Its nodes have a disk that must not be lost.
  bool keeps_data = false;
  /// How many of its nodes hold the same, at the least: destructive faults may strike a minority of
  /// them. Null where no data is kept.
  uint32_t (*copies)(const Plan& plan) = nullptr;
};

/// In the order in which nodes are named and started.
std::span<const PlanService> plan_services();

}  // namespace vectron::sim
