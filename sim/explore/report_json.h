// A run's report as JSON (from child to parent, and for people) and as text.
#pragma once

#include <string>

#include "sim/cluster/run.h"
#include "sim/plan/json.h"

namespace vectron::sim {

/// All of the report but its history; integers only, so that it can be read back.
Json report_to_json(const RunReport& report);
/// Errors: invalid_argument (not made by report_to_json).
Result<RunReport> report_from_json(const Json& json);

/// Several lines for a person: times, ratio, events, faults by class, operations by outcome,
/// violations.
std::string report_to_text(const RunReport& report);

/// Simulated over wall time within the loaded interval; 0 when no wall time was measured.
double loaded_ratio(const RunReport& report);
/// What that interval was: operations completed in a simulated second, and how many of them were
/// searches (0 to 1).
double completed_per_second(const RunReport& report);
double search_share(const RunReport& report);

}  // namespace vectron::sim
