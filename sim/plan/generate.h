// seed -> Plan. Pure: the same seed, profile and options give the same plan everywhere.
//
// Swarm testing (Groce et al. 2012): each seed switches about half of the fault classes off and
// draws its own intensities, so that faults do not mask one another. Each class, and each fault
// within it, draws from a stream of its own name, so switching one class off leaves all other
// faults as they were.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

struct GenerateOptions {
  std::string profile = "cluster";
  /// Classes outside stay off.
  FaultClassSet allowed = FaultClassSet::all();
  /// Classes of `allowed` are all on, instead of a draw for each (--only).
  bool force_allowed = false;
  std::vector<std::string> planted;
};

struct ProfileInfo {
  std::string_view name;
  std::string_view meaning;
};

/// The profiles that generate_plan knows.
const std::vector<ProfileInfo>& profiles();

/// For how long some leader is cut off or stands still by a plan's faults, about: the time that
/// they cover within the workload.
uint64_t hunted_milliseconds(const Plan& plan);

/// Makes the plan of `seed`. It hurts no more copies than the system promises to survive: crashed
/// nodes come back with their disks, and destructive faults strike only a few nodes that are drawn
/// first, a minority of every replica set (within_risk_budget()); so availability is promised again
/// after the last fault. Errors: invalid_argument (unknown profile).
Result<Plan> generate_plan(uint64_t seed, const GenerateOptions& options);

}  // namespace vectron::sim
