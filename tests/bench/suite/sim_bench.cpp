#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iterator>

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

Result<LoadedRun> run_sim(const std::string& programs, std::vector<std::string> arguments) {
  VECTRON_TRY(const demo::CommandOutcome outcome,
              demo::run_command(programs + "/vectron-sim", arguments));
  LoadedRun run;
  run.simulated_s = number_of(outcome.text, "loaded_simulated_ns") / 1e9;
  run.wall_s = number_of(outcome.text, "loaded_wall_ns") / 1e9;
  run.completed = number_of(outcome.text, "loaded_ok");
  if (outcome.status == 0 && run.wall_s > 0) return run;
  return fail(Code::internal,
              fmt::format("vectron-sim {} failed:\n{}", fmt::join(arguments, " "), outcome.text));
}

Result<LoadedRun> run_loaded(const std::string& programs, uint64_t seed) {
  return run_sim(programs,
                 {"run", "--profile", "loaded", "--seed", fmt::format("{}", seed), "--json"});
}

// The same seed with a graph in each shard, however small.
Result<LoadedRun> run_with_graphs(const std::string& programs, const std::string& folder,
                                  uint64_t seed) {
  const std::string path = fmt::format("{}/loaded-{}.json", folder, seed);
  VECTRON_CHECK_OK(run_sim(programs, {"run", "--profile", "loaded", "--seed",
                                      fmt::format("{}", seed), "--json", "--plan-out", path}));
  std::ifstream in(path);
  std::string plan{std::istreambuf_iterator<char>(in), {}};
  const std::string knob = "\"graph_points_min\": ";
  const size_t begin = plan.find(knob);
  if (begin == plan.npos) return fail(Code::internal, "the plan has no graph_points_min");
  const size_t value = begin + knob.size();
  plan.replace(value, plan.find_first_not_of("0123456789", value) - value, "0");
  std::ofstream(path) << plan;
  return run_sim(programs, {"replay", path, "--json"});
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
  std::vector<double> with_graphs;
  for (size_t seed = 1; seed <= bench.options().rounds; ++seed) {
    bench.progress().begin(fmt::format("seed {} with graphs", seed));
    VECTRON_TRY(const LoadedRun loaded,
                run_with_graphs(bench.options().programs, bench.folder(), seed));
    with_graphs.push_back(loaded.simulated_s / loaded.wall_s);
  }
  Report report;
  report.goals = {{.name = "value", .value = median(ratios), .must = 40, .aim = 100}};
  report.details.add("profile", "loaded");
  report.details.add("seeds", ratios.size());
  report.details.add("ratios", ratios);
  report.details.add("runs_of_a_seed", kRunsOfASeed);
  // Its shards are so small that they have no graph (graph_points_min). Of one run of each seed:
  report.details.add("ratio_with_graphs", median(with_graphs));
  report.details.add("completed_per_simulated_s", median(operations));
  return report;
}

}  // namespace vectron::bench
