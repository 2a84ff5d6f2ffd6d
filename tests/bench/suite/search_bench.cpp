#include <fmt/format.h>

#include <cmath>

#include "tests/bench/suite/benches.h"
#include "tests/bench/suite/calibration.h"
#include "tests/bench/suite/http_searcher.h"

namespace vectron::bench {
namespace {

constexpr size_t kManyClients = 8;
constexpr size_t kManyThreads = 2;  // Of hnswlib, beside many clients.

// A database with the points in it, hnswlib with the same graph, and the ef that each needs.
struct Ground {
  std::unique_ptr<Database> database;
  Baseline baseline;
  Calibration ours;
  Calibration raw;
};

// One shape's queries a second, round by round.
struct Series {
  std::vector<double> per_second;
  std::vector<double> latencies_us;  // Of all rounds.

  void add(const Answers& answers) {
    per_second.push_back(answers.per_second());
    latencies_us.insert(latencies_us.end(), answers.latencies_us.begin(),
                        answers.latencies_us.end());
  }
};

Fields fields_of(const Series& series) {
  Fields fields;
  fields.add("queries_per_s", median(series.per_second));
  fields.add("rounds", series.per_second);
  if (series.latencies_us.empty()) return fields;
  fields.add("p50_us", percentile(series.latencies_us, 0.50));
  fields.add("p99_us", percentile(series.latencies_us, 0.99));
  return fields;
}

// The median of the rounds' ratios: each round's two sides ran one right after the other.
double ratio(const Series& ours, const Series& raw) {
  std::vector<double> ratios;
  for (size_t i = 0; i < ours.per_second.size(); ++i) {
    ratios.push_back(ours.per_second[i] / raw.per_second[i]);
  }
  return median(std::move(ratios));
}

Result<Calibration> calibrate_ours(Workbench& bench, Database& database,
                                   const std::string& collection) {
  return calibrate([&, collection](size_t ef) -> Result<double> {
    const Questions questions{.collection = collection,
                              .queries = &bench.queries(),
                              .callers = kManyClients,
                              .ef = static_cast<uint32_t>(ef)};
    VECTRON_TRY(const Answers answers, database.search(questions));
    return bench.recall(answers);
  });
}

Result<void> fill(Workbench& bench, Database& database, const CollectionShape& shape) {
  bench.progress().begin(fmt::format("loading the points into {} shard(s)", shape.shards));
  VECTRON_CHECK_OK(database.create(shape));
  VECTRON_CHECK_OK(database.load(shape.name, bench.points()));
  return database.wait_until_indexed(shape.name, bench.points().count());
}

Result<Ground> prepare(Workbench& bench, const CollectionShape& shape) {
  VECTRON_TRY(auto database, bench.new_database());
  VECTRON_CHECK_OK(fill(bench, *database, shape));
  bench.progress().begin("building hnswlib's graph");
  VECTRON_TRY(Baseline baseline, bench.new_baseline());
  VECTRON_CHECK_OK(baseline.build(bench.options().threads));
  bench.progress().begin("looking for the ef of either side");
  VECTRON_TRY(const Calibration ours, calibrate_ours(bench, *database, shape.name));
  VECTRON_TRY(const Calibration raw,
              calibrate([&](size_t ef) { return baseline.recall(ef, bench.options().threads); }));
  if (std::abs(ours.recall - raw.recall) > Calibration::kRecallDifferenceMax) {
    return fail(Code::failed_precondition,
                fmt::format("the recalls {:.4f} and {:.4f} are too far apart to compare",
                            ours.recall, raw.recall));
  }
  return Ground{std::move(database), std::move(baseline), ours, raw};
}

Fields fields_of(const Calibration& calibration) {
  Fields fields;
  fields.add("ef", calibration.ef);
  fields.add("recall_at_10", calibration.recall);
  return fields;
}

void add_setting(Workbench& bench, const Ground& ground, Fields* details) {
  details->add("points", bench.points().count());
  details->add("queries_a_round", bench.queries().count());
  details->add("m", size_t{CollectionShape().m});
  details->add("ef_construction", size_t{CollectionShape().ef_construction});
  details->add("vectron", fields_of(ground.ours));
  details->add("hnswlib", fields_of(ground.raw));
}

}  // namespace

Result<Report> bench_search(Workbench& bench) {
  const CollectionShape one{.name = "one-shard"};
  const CollectionShape four{.name = "four-shards", .shards = 4};
  VECTRON_TRY(Ground ground, prepare(bench, one));
  VECTRON_CHECK_OK(fill(bench, *ground.database, four));
  VECTRON_TRY(const Calibration sharded, calibrate_ours(bench, *ground.database, four.name));

  Questions alone{.collection = one.name,
                  .queries = &bench.queries(),
                  .callers = 1,
                  .ef = static_cast<uint32_t>(ground.ours.ef)};
  Questions many = alone;
  many.callers = kManyClients;
  Questions spread = alone;
  spread.collection = four.name;
  spread.ef = static_cast<uint32_t>(sharded.ef);
  Series ours, ours_many, ours_spread, raw, raw_many;
  for (size_t round = 0; round < bench.options().rounds; ++round) {
    bench.progress().begin(fmt::format("round {} of {}", round + 1, bench.options().rounds));
    VECTRON_TRY(const double one_thread, ground.baseline.search(ground.raw.ef, 1));
    raw.per_second.push_back(one_thread);
    VECTRON_TRY(const Answers by_one, ground.database->search(alone));
    ours.add(by_one);
    VECTRON_TRY(const double two_threads, ground.baseline.search(ground.raw.ef, kManyThreads));
    raw_many.per_second.push_back(two_threads);
    VECTRON_TRY(const Answers by_many, ground.database->search(many));
    ours_many.add(by_many);
    VECTRON_TRY(const Answers by_shards, ground.database->search(spread));
    ours_spread.add(by_shards);
  }
  Report report;
  report.goals = {
      {.name = "value", .value = ratio(ours, raw), .must = 0.5, .aim = 1.0},
      {.name = "8_clients", .value = ratio(ours_many, raw_many), .must = 0.5, .aim = 1.5},
      {.name = "4_shards", .value = ratio(ours_spread, raw), .informative = true},
  };
  add_setting(bench, ground, &report.details);
  report.details.add("vectron_4_shards", fields_of(sharded));
  report.details.add("hnswlib_1_thread", fields_of(raw));
  report.details.add("vectron_1_client", fields_of(ours));
  report.details.add("hnswlib_2_threads", fields_of(raw_many));
  report.details.add("vectron_8_clients", fields_of(ours_many));
  report.details.add("vectron_1_client_4_shards", fields_of(ours_spread));
  return report;
}

Result<Report> bench_search_http(Workbench& bench) {
  const CollectionShape one{.name = "one-shard"};
  VECTRON_TRY(Ground ground, prepare(bench, one));
  VECTRON_TRY(HttpSearcher http, HttpSearcher::connect(ground.database->http()));
  http.prepare(one.name, bench.queries(), ground.ours.ef);
  Series ours, raw;
  double recall = 1;
  for (size_t round = 0; round < bench.options().rounds; ++round) {
    bench.progress().begin(fmt::format("round {} of {}", round + 1, bench.options().rounds));
    VECTRON_TRY(const double one_thread, ground.baseline.search(ground.raw.ef, 1));
    raw.per_second.push_back(one_thread);
    VECTRON_TRY(const Answers answers, http.search());
    ours.add(answers);
    recall = std::min(recall, bench.recall(answers));
  }
  if (recall < Calibration::kRecallMin) {
    return fail(Code::internal, fmt::format("the recall over HTTP is {:.4f} only", recall));
  }
  Report report;
  report.goals = {{.name = "value", .value = ratio(ours, raw), .must = 0.35, .aim = 0.7}};
  add_setting(bench, ground, &report.details);
  report.details.add("recall_at_10_over_http", recall);
  report.details.add("hnswlib_1_thread", fields_of(raw));
  report.details.add("vectron_1_client", fields_of(ours));
  return report;
}

}  // namespace vectron::bench
