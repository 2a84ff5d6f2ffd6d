#include <fmt/format.h>

#include <algorithm>

#include "services/daemon/demo_server.h"
#include "tests/bench/suite/benches.h"

namespace vectron::bench {
namespace {

constexpr uint64_t kRunsOfASeed = 3;

// A number of a report of `vectron-sim run`.
double number_of(std::string_view json, std::string_view name) {
  const std::string key = fmt::format("\"{}\":", name);
  const size_t at = json.find(key);
  return at == json.npos ? 0 : std::atof(json.data() + at + key.size());
}

struct LoadedRun {
  double simulated_s = 0;
  double wall_s = 0;
  double completed = 0;  // Operations.
};

Result<LoadedRun> run_loaded(const std::string& programs, uint64_t seed) {
  VECTRON_TRY(const demo::CommandOutcome outcome,
              demo::run_command(programs + "/vectron-sim", {"run", "--profile", "loaded", "--seed",
                                                            fmt::format("{}", seed), "--json"}));
  LoadedRun run;
  run.simulated_s = number_of(outcome.text, "loaded_simulated_ns") / 1e9;
  run.wall_s = number_of(outcome.text, "loaded_wall_ns") / 1e9;
  run.completed = number_of(outcome.text, "loaded_ok");
  if (outcome.status == 0 && run.wall_s > 0) return run;
  return fail(Code::internal, fmt::format("seed {} failed:\n{}", seed, outcome.text));
}

}  // namespace

// The loaded interval alone: starting the cluster and checking the history do not count. A run is
// the same each time, so what makes one of a seed's runs slower than another is not the simulation:
// the fastest counts.
Result<Report> bench_sim(Workbench& bench) {
  std::vector<double> ratios, operations;
  for (size_t seed = 1; seed <= bench.options().rounds; ++seed) {
    double ratio = 0, completed = 0;
    for (uint64_t run = 1; run <= kRunsOfASeed; ++run) {
      bench.progress().begin(
          fmt::format("seed {} of {}, run {}", seed, bench.options().rounds, run));
      VECTRON_TRY(const LoadedRun loaded, run_loaded(bench.options().programs, seed));
      ratio = std::max(ratio, loaded.simulated_s / loaded.wall_s);
      completed = loaded.completed / loaded.simulated_s;
    }
    ratios.push_back(ratio);
    operations.push_back(completed);
  }
  Report report;
  report.goals = {{.name = "value", .value = median(ratios), .must = 40, .aim = 100}};
  report.details.add("profile", "loaded");
  report.details.add("seeds", ratios.size());
  report.details.add("ratios", ratios);
  report.details.add("runs_of_a_seed", kRunsOfASeed);
  report.details.add("completed_per_simulated_s", median(operations));
  return report;
}

}  // namespace vectron::bench
