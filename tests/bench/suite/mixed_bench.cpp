#include <fmt/format.h>

#include "tests/bench/suite/benches.h"

namespace vectron::bench {

// A collection that is finished is searched, first alone, then while the same points are stored and
// linked into another collection of the same worker.
Result<Report> bench_mixed(Workbench& bench) {
  bench.progress().begin("loading the points");
  VECTRON_TRY(const auto database, bench.new_database());
  const CollectionShape quiet{.name = "quiet"};
  VECTRON_CHECK_OK(database->create(quiet));
  VECTRON_CHECK_OK(database->load(quiet.name, bench.points()));
  VECTRON_CHECK_OK(database->wait_until_indexed(quiet.name, bench.points().count()));
  const Questions questions{.collection = quiet.name, .queries = &bench.queries(), .ef = 30};
  bench.progress().begin("searching alone");
  VECTRON_TRY(const Answers alone, database->search(questions));
  bench.progress().begin("searching during ingest");
  const CollectionShape busy{.name = "busy"};
  VECTRON_CHECK_OK(database->create(busy));
  VECTRON_TRY(const std::vector<double> during,
              database->search_while_loading(questions, busy.name, bench.points()));

  const double alone_p99 = percentile(alone.latencies_us, 0.99);
  const double during_p99 = percentile(during, 0.99);
  Report report;
  report.goals = {{.name = "value",
                   .value = during_p99 / alone_p99,
                   .must = 0,
                   .aim = 0,
                   .lower_is_better = true,
                   .informative = true}};
  report.details.add("points", bench.points().count());
  report.details.add("searches_alone", alone.latencies_us.size());
  report.details.add("searches_during_ingest", during.size());
  report.details.add("alone_p50_us", percentile(alone.latencies_us, 0.50));
  report.details.add("alone_p99_us", alone_p99);
  report.details.add("during_p50_us", percentile(during, 0.50));
  report.details.add("during_p99_us", during_p99);
  return report;
}

}  // namespace vectron::bench
