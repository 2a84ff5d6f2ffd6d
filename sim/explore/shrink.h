// Shrinking a failing plan by running candidates in child processes.
//
// The search is plan_shrinker.h; here a candidate is judged: it must fail with the same class, that
// is by the same oracle with the same objection. Candidates of a batch run beside one another; only
// the first of them that fails counts, and only runs up to it count against the bound, so the
// result is the same for any number of jobs.
#pragma once

#include <functional>

#include "sim/explore/failure.h"
#include "sim/explore/plan_shrinker.h"

namespace vectron::sim {

struct ShrinkOptions {
  uint32_t jobs = 1;
  /// Candidates judged; then the smallest so far is the result.
  uint32_t runs_max = 600;
  /// Wall clock of one run; beyond it the run counts as hung.
  uint32_t run_seconds_max = 120;
};

struct ShrinkResult {
  Plan plan;
  /// Of the shrunk plan.
  Failure failure;
  /// That counted.
  uint32_t runs = 0;
  /// Nothing more can be taken away; otherwise runs_max came first.
  bool ended = false;
  uint64_t wall_nanoseconds = 0;
};

/// How a candidate becomes a report, in a child; tests put another one in.
using RunCandidate = std::function<RunReport(const Plan&)>;
/// Told at each stage: its name, the plan so far, the runs so far.
using ShrinkProgress = std::function<void(std::string_view stage, const Plan& plan, uint32_t runs)>;

/// The failure of `plan`, run once in a child; nothing when it passes.
std::optional<Failure> judge_plan(const Plan& plan, uint32_t run_seconds_max,
                                  const RunCandidate& run);

/// Makes `plan`, which fails with `wanted`, smaller. `progress` may be empty. Errors:
/// failed_precondition (it passes, or fails in another way).
Result<ShrinkResult> shrink(const Plan& plan, const FailureClass& wanted,
                            const ShrinkOptions& options, const RunCandidate& run,
                            const ShrinkProgress& progress);

/// run_plan(); twice, compared, when `check_determinism`.
RunReport run_candidate(const Plan& plan, bool check_determinism);

/// For `shrink --json`, and for a person.
Json shrink_to_json(const Plan& before, const ShrinkResult& result);
std::string shrink_to_text(const Plan& before, const ShrinkResult& result);

}  // namespace vectron::sim
