// PlanShrinker: the smallest plan that still fails in the same way, over an abstract predicate.
//
// Takes away, round after round until nothing more goes: the end of the workload, scheduled faults,
// behaviour that lasts for the whole run, fault classes, knobs, HTTP clients, collections, nodes,
// clients, the sizes of what is left, and single operations. A candidate that would not be a valid
// plan is repaired (what refers to something that is gone goes too) or not tried. Knows few of a
// plan's fields by name: intensities, knobs and switches that are added later are shrunk without a
// change here. The seed and the planted bugs stay.
#pragma once

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "sim/plan/plan.h"

namespace vectron::sim {

/// The position of the first plan that still fails in the wanted way, or nothing.
using FirstFailingPlan = std::function<std::optional<size_t>(const std::vector<Plan>&)>;
/// Told before each stage, with the plan so far.
using ShrinkStage = std::function<void(std::string_view stage, const Plan& plan)>;

/// What a plan consists of, as far as making it smaller goes.
struct PlanSize {
  size_t faults = 0;
  /// Arrivals of all clients that are not skipped.
  size_t operations = 0;
  /// Without clients.
  size_t nodes = 0;
  /// That do anything.
  size_t clients = 0;
  size_t collections = 0;
  /// Intensities above zero and switches that are on.
  size_t lasting = 0;
  /// That are not at their defaults.
  size_t knobs = 0;
  bool operator==(const PlanSize&) const = default;
};

PlanSize size_of(const Plan& plan);

/// Requires: `plan` fails in the wanted way and is valid. `stage` may be empty. Deterministic when
/// `first_failing` is.
Plan shrink_plan(Plan plan, const FirstFailingPlan& first_failing, const ShrinkStage& stage);

}  // namespace vectron::sim
