// A plan with a fault class taken out. Pure.
#pragma once

#include "sim/plan/plan.h"

namespace vectron::sim {

/// `plan` without any fault of `fault_class`: neither scheduled ones nor those that last for the
/// whole run. All else, and so all other faults' draws, stays as it is.
Plan plan_without(Plan plan, FaultClass fault_class);

}  // namespace vectron::sim
