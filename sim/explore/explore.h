// Many seeds, one after another and at once: which pass, which fail, and how to see a failure
// again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sim/cluster/run.h"
#include "sim/explore/failure.h"
#include "sim/plan/generate.h"
#include "sim/plan/json.h"

namespace vectron::sim {

struct ExploreOptions {
  uint64_t first_seed = 1;
  uint64_t seeds = 100;
  uint32_t jobs = 1;
  /// Run each plan twice and compare the traces.
  bool check_determinism = false;
  /// Wall clock of one seed; beyond it the run counts as hung.
  uint32_t run_seconds_max = 120;
  GenerateOptions generate;
  /// What the command that replays a seed needs besides --seed.
  std::string replay_flags;
  /// Where the files of failures are written; empty for none.
  std::string failures_folder;
  /// No further seed begins once a failure is of a class that this accepts; empty: all do. As seeds
  /// begin in order, the lowest one of that class is then among the failures.
  std::function<bool(const FailureClass&)> until;
};

/// A seed that failed.
struct SeedFailure {
  uint64_t seed = 0;
  Failure failure;
  /// The command that shows it again.
  std::string replay;
  /// Its failure file, which replay and shrink take; empty where none is.
  std::string file;
  /// The command that makes it smaller; empty where there is no file.
  std::string shrink;
};

struct ExploreSummary {
  uint64_t passed = 0;
  std::vector<SeedFailure> failures;
  /// Of the seeds that came to a verdict.
  std::vector<RunReport> reports;
  uint64_t wall_nanoseconds = 0;
  uint64_t cpu_nanoseconds = 0;
};

/// Of one campaign.
inline constexpr size_t kFailureFilesMax = 100;

/// How a seed becomes a report; tests put another one in.
using RunSeed = std::function<RunReport(uint64_t seed)>;

/// Runs the seeds in children and judges them, and writes a file for each failure. `progress` is
/// told of each result.
ExploreSummary explore(const ExploreOptions& options, const RunSeed& run_seed,
                       const std::function<void(const ExploreSummary&)>& progress);

/// generate_plan and run_plan; twice, with a determinism violation where the traces differ, when
/// the options say so.
RunReport run_generated_seed(const ExploreOptions& options, uint64_t seed);

/// Runs `plan` again and compares with `first`; adds a violation that names the first difference of
/// the traces.
void check_determinism(const Plan& plan, RunReport* first);

/// The object that `explore --json` prints.
Json summary_to_json(const ExploreOptions& options, const ExploreSummary& summary);
/// The report for a person; its last line is "N passed, M failed".
std::string summary_to_text(const ExploreOptions& options, const ExploreSummary& summary);

}  // namespace vectron::sim
