// Scenarios: short scripted successions of faults, for orders of events that are known to be
// dangerous and that independent faults seldom hit.
//
// A scenario knows what hurts replicated systems in general (one member is away while the others
// write, then another one forgets), not where this one has a bug. Times, targets and lengths are
// drawn, lengths in proportion to the election timeout. An act is a scenario played once; a seed
// that has scenarios plays acts until its workload ends. The result is faults like all others: each
// has a class, can be left out alone, and keeps the plan within its risk budget.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/plan/plan.h"

namespace vectron::sim {

/// What the acts of a seed may use.
struct ScenarioStage {
  /// Its shape, workload and profile are drawn already. Outlives the stage.
  const Plan* plan = nullptr;
  /// As the seed draws them, whether or not they are in force.
  PlanKnobs knobs;
  /// That the seed has on: a scenario needs all of its own.
  FaultClassSet classes;
  /// Whom destructive faults may strike.
  std::vector<std::string> victims;
};

struct ScenarioInfo {
  std::string_view name;
  std::string_view meaning;
};

/// All scenarios. Their faults are called "NAME-ACT.NUMBER".
const std::vector<ScenarioInfo>& scenarios();

/// The faults of one act after another, until `until_ms`, from which on none begins. Empty when the
/// stage has what it takes for no scenario. Draws from streams of the plan's seed alone.
std::vector<PlannedFault> draw_scenarios(const ScenarioStage& stage, uint32_t until_ms);

}  // namespace vectron::sim
