#include <fmt/format.h>

#include "services/daemon/demo_server.h"
#include "tests/bench/suite/benches.h"

namespace vectron::bench {
namespace {

// A number of a report of `vectron-sim run`.
double number_of(std::string_view json, std::string_view name) {
  const std::string key = fmt::format("\"{}\":", name);
  const size_t at = json.find(key);
  return at == json.npos ? 0 : std::atof(json.data() + at + key.size());
}

}  // namespace

// The loaded interval alone: starting the cluster and checking the history do not count.
Result<Report> bench_sim(Workbench& bench) {
  std::vector<double> ratios, operations;
  for (size_t seed = 1; seed <= bench.options().rounds; ++seed) {
    bench.progress().begin(fmt::format("seed {} of {}", seed, bench.options().rounds));
    VECTRON_TRY(const demo::CommandOutcome outcome,
                demo::run_command(
                    bench.options().programs + "/vectron-sim",
                    {"run", "--profile", "loaded", "--seed", fmt::format("{}", seed), "--json"}));
    const double simulated = number_of(outcome.text, "loaded_simulated_ns");
    const double wall = number_of(outcome.text, "loaded_wall_ns");
    if (outcome.status != 0 || wall <= 0) {
      return fail(Code::internal, fmt::format("seed {} failed:\n{}", seed, outcome.text));
    }
    ratios.push_back(simulated / wall);
    const double done = number_of(outcome.text, "ok") + number_of(outcome.text, "failed") +
                        number_of(outcome.text, "unknown");
    operations.push_back(done / (simulated / 1e9));
  }
  Report report;
  report.goals = {{.name = "value", .value = median(ratios), .must = 40, .aim = 100}};
  report.details.add("profile", "loaded");
  report.details.add("seeds", ratios.size());
  report.details.add("ratios", ratios);
  report.details.add("operations_per_simulated_s", median(operations));
  return report;
}

}  // namespace vectron::bench
