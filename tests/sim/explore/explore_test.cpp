#include "sim/explore/explore.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>

#include "core/base/assert.h"

#include "sim/explore/child_pool.h"
#include "sim/explore/renew_planted.h"
#include "sim/explore/report_json.h"

namespace vectron::sim {
namespace {

RunReport good_report(uint64_t seed) {
  RunReport report;
  report.seed = seed;
  report.profile = "raft";
  report.trace.add(seed);
  report.simulated = 20s;
  report.loaded_simulated = 10s;
  report.loaded_wall_nanoseconds = 100'000'000;
  report.operations = {.ok = 900, .failed = 50, .unknown = 50};
  report.faults.add(FaultClass::crash, seed);
  report.recall = {.searches = 3, .found = 9, .expected = 10};
  return report;
}

TEST(ChildPool, HandsOverAnswersCrashesAndHangs) {
  std::map<uint64_t, ChildResult> results;
  ChildPoolOptions options;
  options.jobs = 3;
  options.wall_nanoseconds_max = 2'000'000'000;
  run_in_children(
      1, 6, options,
      [](uint64_t job) -> std::string {
        if (job == 2) std::abort();
        if (job == 4) raise(SIGSTOP);
        if (job == 5) std::exit(7);
        std::fputs("noise\n", stderr);
        return std::string(300'000, static_cast<char>('a' + job));
      },
      [&](ChildResult result) { results.emplace(result.job, std::move(result)); });
  ASSERT_EQ(results.size(), 6u);
  using enum ChildResult::Kind;
  EXPECT_EQ(results[1].kind, answered);
  EXPECT_EQ(results[1].answer, std::string(300'000, 'b'));
  EXPECT_EQ(results[1].error_tail, "noise\n");
  EXPECT_EQ(results[2].kind, crashed);
  EXPECT_EQ(results[4].kind, hung);
  EXPECT_EQ(results[5].kind, crashed);
  EXPECT_EQ(results[6].kind, answered);
}

TEST(ReportJson, ReadsBackWhatItWrote) {
  RunReport report = good_report(3);
  report.violations = {{"search", Instant(5ms), "a \"text\"\nof two lines"}};
  report.violation_count = 4;
  const auto parsed = parse_json(report_to_json(report).compact());
  ASSERT_TRUE(parsed.has_value());
  const auto again = report_from_json(*parsed);
  ASSERT_TRUE(again.has_value()) << again.error().to_string();
  EXPECT_EQ(report_to_json(*again).compact().substr(60),
            report_to_json(report).compact().substr(60));
  EXPECT_EQ(again->violations[0].text, report.violations[0].text);
  EXPECT_EQ(again->violations[0].at, report.violations[0].at);
  EXPECT_EQ(again->faults, report.faults);
  EXPECT_FALSE(report_from_json(Json(JsonObject())).has_value());
}

class Explore : public ::testing::Test {
 protected:
  Explore() {
    options_.seeds = 6;
    options_.jobs = 2;
    options_.generate.profile = "raft";
    options_.replay_flags = " --plant x";
  }
  ExploreSummary run(const RunSeed& run_seed) { return explore(options_, run_seed, {}); }
  ExploreOptions options_;
};

TEST_F(Explore, CountsWhatPassed) {
  const ExploreSummary summary = run(good_report);
  EXPECT_EQ(summary.passed, 6u);
  EXPECT_TRUE(summary.failures.empty());
  const std::string text = summary_to_text(options_, summary);
  EXPECT_TRUE(text.ends_with("\n6 passed, 0 failed\n")) << text;
}

TEST_F(Explore, NamesFailingSeedsAndHowToSeeThemAgain) {
  const ExploreSummary summary = run([](uint64_t seed) {
    RunReport report = good_report(seed);
    if (seed == 3) {
      report.violations = {{"search", Instant(1s), "wrong"}};
      report.violation_count = 1;
    }
    if (seed == 5) VECTRON_ASSERT(seed != 5, "this seed dies");
    return report;
  });
  EXPECT_EQ(summary.passed, 4u);
  ASSERT_EQ(summary.failures.size(), 2u);
  EXPECT_EQ(summary.failures[0].seed, 3u);
  EXPECT_EQ(summary.failures[0].failure.failure_class.oracle, "search");
  EXPECT_EQ(summary.failures[0].replay, "./dev sim run --profile raft --seed 3 --plant x");
  EXPECT_EQ(summary.failures[1].failure.failure_class.oracle, "crash");
  EXPECT_NE(summary.failures[1].failure.text.find("this seed dies"), std::string::npos);
  EXPECT_TRUE(summary_to_text(options_, summary).ends_with("\n4 passed, 2 failed\n"));
}

TEST_F(Explore, BeginsNoFurtherSeedOnceItHasWhatItLooksFor) {
  options_.seeds = 1'000;
  options_.jobs = 3;
  options_.until = [](const FailureClass& failure) { return failure.oracle == "search"; };
  const ExploreSummary summary = run([](uint64_t seed) {
    RunReport report = good_report(seed);
    if (seed == 2 || seed >= 7) {
      report.violations = {{seed == 2 ? "lives" : "search", Instant(1s), "wrong"}};
      report.violation_count = 1;
    }
    return report;
  });
  ASSERT_GE(summary.failures.size(), 2u);
  EXPECT_EQ(summary.failures[0].seed, 2u);
  EXPECT_EQ(summary.failures[1].seed, 7u);
  EXPECT_LE(summary.passed + summary.failures.size(), 12u);
}

TEST_F(Explore, PrintsOneJsonObjectWithTheFigures) {
  const ExploreSummary summary = run(good_report);
  const Json json = summary_to_json(options_, summary);
  for (const char* name :
       {"passed", "failed", "failing_seeds", "sim_wall_ratio", "seeds_per_cpu_hour", "ops",
        "ops_definite_share", "fault_classes_fired_median", "faults"}) {
    EXPECT_NE(json.find(name), nullptr) << name;
  }
  EXPECT_EQ(*json.find("passed")->as<uint64_t>(), 6u);
  EXPECT_EQ(*json.find("ops")->as<uint64_t>(), 6'000u);
  EXPECT_DOUBLE_EQ(json.find("sim_wall_ratio")->as<Json::Decimal>()->value, 100.0);
  EXPECT_DOUBLE_EQ(json.find("ops_definite_share")->as<Json::Decimal>()->value, 0.95);
  EXPECT_EQ(*json.find("faults")->find("crash")->as<uint64_t>(), 21u);
}

TEST_F(Explore, RunsRealSeedsTwiceAndComparesTheirTraces) {
  options_.seeds = 2;
  options_.check_determinism = true;
  options_.replay_flags = "";
  const ExploreSummary summary =
      run([this](uint64_t seed) { return run_generated_seed(options_, seed); });
  EXPECT_EQ(summary.passed, 2u) << summary_to_text(options_, summary);
}

TEST_F(Explore, FindsTheFirstSeedThatShowsAPlantedBug) {
  options_.generate.profile = "cluster";
  const PlantedBug* bug = find_planted_bug("merge_drops_one_shard");
  ASSERT_NE(bug, nullptr);
  const auto found = find_planted(*bug, options_);
  ASSERT_TRUE(found.has_value());
  EXPECT_LE(found->seed, options_.seeds);
  EXPECT_EQ(found->failure.failure_class.oracle, oracle::kSearch);
  // An oracle that is not meant to find it does not count.
  PlantedBug other = *bug;
  other.found_by = {oracle::kRemoval};
  EXPECT_FALSE(find_planted(other, options_).has_value());
}

TEST_F(Explore, ObjectsWhenASecondRunHasAnotherTrace) {
  GenerateOptions generate;
  generate.profile = "raft";
  const Plan plan = *generate_plan(2, generate);
  RunReport report = run_plan(plan, {});
  report.trace.add(1);  // As if the first run had gone another way.
  check_determinism(plan, &report);
  ASSERT_FALSE(report.passed());
  EXPECT_EQ(report.violations[0].oracle, "determinism");
}

}  // namespace
}  // namespace vectron::sim
