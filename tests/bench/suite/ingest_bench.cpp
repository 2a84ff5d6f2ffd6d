#include <fmt/format.h>

#include "services/daemon/demo_exact.h"
#include "tests/bench/suite/benches.h"

namespace vectron::bench {
namespace {

constexpr const char* kName = "points";

// Stores all points; returns the seconds until they were durable and in the graph.
Result<double> build(Workbench& bench, Database& database) {
  const CollectionShape shape{.name = kName};
  VECTRON_CHECK_OK(database.create(shape));
  const Stopwatch watch;
  VECTRON_CHECK_OK(database.load(kName, bench.points()));
  VECTRON_CHECK_OK(database.wait_until_indexed(kName, bench.points().count()));
  return watch.seconds();
}

// Kills the database, starts it, and asks until all ten answers of a query are right.
Result<double> restart(Workbench& bench, Database& database) {
  constexpr double kPatience_s = 120;
  database.kill();
  const demo::Images first = first_images(bench.queries(), 1);
  const Stopwatch watch;
  VECTRON_CHECK_OK(database.start());
  const Questions questions{.collection = kName, .queries = &first};
  while (watch.seconds() < kPatience_s) {
    VECTRON_TRY(const Answers answers, database.search(questions));
    const double seconds = watch.seconds();
    if (recall_of(answers, bench.points(), first, bench.radii()) == 1.0) return seconds;
  }
  return fail(Code::unavailable, "no right answer came after the restart");
}

}  // namespace

Result<Report> bench_ingest(Workbench& bench) {
  std::vector<double> ratios, ours, raw;
  VECTRON_TRY(Baseline baseline, bench.new_baseline());
  for (size_t round = 0; round < bench.options().rounds; ++round) {
    bench.progress().begin(fmt::format("round {} of {}", round + 1, bench.options().rounds));
    VECTRON_TRY(const double raw_s, baseline.build(bench.options().threads));
    VECTRON_TRY(const auto database, bench.new_database());
    VECTRON_TRY(const double ours_s, build(bench, *database));
    const auto points = static_cast<double>(bench.points().count());
    raw.push_back(points / raw_s);
    ours.push_back(points / ours_s);
    ratios.push_back(raw_s / ours_s);
  }
  Report report;
  report.goals = {{.name = "value", .value = median(ratios), .must = 0.6, .aim = 1.2}};
  report.details.add("points", bench.points().count());
  report.details.add("threads", bench.options().threads);
  report.details.add("m", size_t{CollectionShape().m});
  report.details.add("ef_construction", size_t{CollectionShape().ef_construction});
  report.details.add("vectron_points_per_s", median(ours));
  report.details.add("hnswlib_points_per_s", median(raw));
  report.details.add("vectron_rounds", ours);
  report.details.add("hnswlib_rounds", raw);
  return report;
}

Result<Report> bench_restart(Workbench& bench) {
  bench.progress().begin("loading the points");
  VECTRON_TRY(const auto database, bench.new_database());
  VECTRON_TRY(const double build_s, build(bench, *database));
  std::vector<double> starts;
  for (size_t round = 0; round < bench.options().rounds; ++round) {
    bench.progress().begin(fmt::format("restart {} of {}", round + 1, bench.options().rounds));
    VECTRON_TRY(const double start_s, restart(bench, *database));
    starts.push_back(start_s);
  }
  Report report;
  report.goals = {{.name = "value",
                   .value = median(starts) / build_s,
                   .must = 0.1,
                   .aim = 0.01,
                   .lower_is_better = true}};
  report.details.add("points", bench.points().count());
  report.details.add("build_s", build_s);
  report.details.add("restart_s", median(starts));
  report.details.add("rounds", starts);
  return report;
}

}  // namespace vectron::bench
