#include "sim/explore/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "sim/cluster/client_workload.h"
#include "sim/plan/generate.h"

namespace vectron::sim {
namespace {

Plan plan_of(uint64_t seed) {
  GenerateOptions options;
  options.allowed = FaultClassSet::all();
  options.force_allowed = true;
  options.planted = {"forget_tombstone"};
  auto plan = generate_plan(seed, options);
  EXPECT_TRUE(plan.has_value());
  return *std::move(plan);
}

bool has_fault(const Plan& plan, const std::string& id) {
  return std::ranges::find(plan.faults, id, &PlannedFault::id) != plan.faults.end();
}

bool does(const Plan& plan, uint32_t client, uint32_t arrival) {
  if (client >= plan.shape.clients || arrival >= arrivals_of(plan, client)) return false;
  return std::ranges::none_of(plan.workload.skipped, [&](const PlanSkip& skip) {
    return skip.client == client && arrival >= skip.first && arrival - skip.first < skip.count;
  });
}

FirstFailingPlan first_failing(std::function<bool(const Plan&)> fails) {
  return [fails = std::move(fails)](const std::vector<Plan>& candidates) -> std::optional<size_t> {
    for (size_t i = 0; i < candidates.size(); ++i) {
      EXPECT_TRUE(candidates[i].validate().has_value());
      if (fails(candidates[i])) return i;
    }
    return std::nullopt;
  };
}

TEST(ShrinkPlan, LeavesExactlyWhatTheFailureNeeds) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Plan plan = plan_of(seed);
    ASSERT_GE(plan.faults.size(), 4u);
    const std::string one = plan.faults.front().id;
    const std::string two = plan.faults[plan.faults.size() / 2].id;
    const Plan small = shrink_plan(
        plan, first_failing([&](const Plan& candidate) {
          return has_fault(candidate, one) && has_fault(candidate, two) && does(candidate, 1, 20) &&
                 does(candidate, 2, 3) && candidate.intensities.short_io_ppm > 0 &&
                 candidate.lost_unsynced && candidate.knobs.tick_ms == plan.knobs.tick_ms &&
                 candidate.shape.workers >= 3;
        }),
        {});
    ASSERT_TRUE(small.validate().has_value());
    const PlanSize size = size_of(small);
    EXPECT_EQ(size.faults, 2u);
    EXPECT_EQ(size.operations, 2u);
    EXPECT_EQ(size.clients, 2u);
    EXPECT_EQ(size.collections, 1u);
    EXPECT_EQ(size.lasting, 2u);
    EXPECT_LE(size.knobs, 1u);
    Plan fewer = small;  // One worker less is too few, or one that a fault names.
    --fewer.shape.workers;
    EXPECT_TRUE(fewer.shape.workers < 3 || !fewer.validate().has_value());
    EXPECT_EQ(small.shape.gateways, 1u);
    EXPECT_EQ(small.shape.placement_nodes, 1u);
    EXPECT_TRUE(small.switched_on.empty());
    EXPECT_EQ(small.planted, plan.planted);
    EXPECT_EQ(small.seed, plan.seed);
  }
}

TEST(ShrinkPlan, DropsFaultsOfNodesThatAreGone) {
  const Plan plan = plan_of(1);
  const Plan small = shrink_plan(plan, first_failing([](const Plan&) { return true; }), {});
  EXPECT_TRUE(small.faults.empty());
  EXPECT_EQ(size_of(small).operations, 0u);
  EXPECT_EQ(size_of(small).nodes, 3u);
}

TEST(ShrinkPlan, StaysAsItIsWhenNothingSmallerFails) {
  const Plan plan = plan_of(2);
  EXPECT_EQ(shrink_plan(plan, first_failing([](const Plan&) { return false; }), {}), plan);
}

/// Fails with "search/hit" while it has a partition, with another class while it has a crash alone,
/// and dies while it has neither.
RunReport odd_run(const Plan& plan) {
  const auto has_class = [&](FaultClass fault_class) {
    return std::ranges::find(plan.faults, fault_class, &PlannedFault::fault_class) !=
           plan.faults.end();
  };
  RunReport report;
  report.seed = plan.seed;
  if (has_class(FaultClass::partition)) {
    report.violations = {{"search", {}, fmt::format("{} faults", plan.faults.size()), "hit"}};
  } else if (has_class(FaultClass::crash)) {
    report.violations = {{"search", {}, "another", "order"}};
  } else {
    raise(SIGKILL);
  }
  report.violation_count = 1;
  return report;
}

ShrinkOptions options_of(uint32_t jobs, uint32_t runs_max) {
  ShrinkOptions options;
  options.jobs = jobs;
  options.runs_max = runs_max;
  return options;
}

TEST(Shrink, KeepsTheClassOfTheFailure) {
  const auto result = shrink(plan_of(3), {"search", "hit"}, options_of(2, 1'000), odd_run, {});
  ASSERT_TRUE(result.has_value()) << result.error().to_string();
  ASSERT_EQ(result->plan.faults.size(), 1u);
  EXPECT_EQ(result->plan.faults[0].fault_class, FaultClass::partition);
  EXPECT_EQ(result->failure.failure_class.name(), "search/hit");
  EXPECT_EQ(result->failure.text, "1 faults");
  EXPECT_TRUE(result->ended);
}

TEST(Shrink, ComesToTheSameResultWhateverTheNumberOfJobsAndTheBound) {
  for (const uint32_t runs_max : {3U, 12U, 40U}) {
    const Plan plan = plan_of(4);
    const auto one = shrink(plan, {"search", "hit"}, options_of(1, runs_max), odd_run, {});
    const auto many = shrink(plan, {"search", "hit"}, options_of(4, runs_max), odd_run, {});
    ASSERT_TRUE(one.has_value() && many.has_value());
    EXPECT_EQ(one->plan, many->plan) << runs_max;
    EXPECT_EQ(one->runs, many->runs);
    EXPECT_LE(one->runs, runs_max);
    EXPECT_FALSE(one->ended);
  }
}

TEST(Shrink, RefusesAPlanThatDoesNotFailSo) {
  const auto other = shrink(plan_of(3), {"search", "order"}, options_of(1, 10), odd_run, {});
  ASSERT_FALSE(other.has_value());
  EXPECT_EQ(other.error().code(), Code::failed_precondition);
  const RunCandidate passes = [](const Plan&) { return RunReport(); };
  EXPECT_FALSE(shrink(plan_of(3), {"search", "hit"}, options_of(1, 10), passes, {}).has_value());
}

TEST(FailureFile, SurvivesTheWayThroughJson) {
  const Plan plan = plan_of(6);
  const Failure failure{.failure_class = {"raft_safety", "Election Safety"},
                        .at = Instant(1234567ns),
                        .text = "two \"leaders\"\nin a term",
                        .trace = "0123"};
  const auto file = parse_failure_file(failure_file_text(plan, failure));
  ASSERT_TRUE(file.has_value()) << file.error().to_string();
  EXPECT_EQ(file->plan, plan);
  ASSERT_TRUE(file->failure.has_value());
  EXPECT_EQ(file->failure->failure_class, failure.failure_class);
  EXPECT_EQ(file->failure->at, failure.at);
  EXPECT_EQ(file->failure->text, failure.text);
  EXPECT_EQ(file->failure->trace, failure.trace);
}

TEST(FailureFile, MayBeAPlanAlone) {
  const Plan plan = plan_of(6);
  const auto file = parse_failure_file(plan_to_json(plan));
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->plan, plan);
  EXPECT_FALSE(file->failure.has_value());
}

TEST(FailureFile, NamesTheFieldThatIsWrong) {
  std::string text = failure_file_text(plan_of(6), {});
  const size_t at = text.find("\"oracle\": \"\"");
  ASSERT_NE(at, std::string::npos);
  text.replace(at, 12, "\"oracle\": 5");
  const auto file = parse_failure_file(text);
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().field(), "oracle");
}

TEST(CrashKind, IsTheAssertionWhereverItStands) {
  EXPECT_EQ(crash_kind("noise\n../core/raft/log.cpp:12: assertion failed: a > b: 3 and 4\nend\n"),
            "../core/raft/log.cpp: a > b");
  EXPECT_EQ(crash_kind("==12==ERROR: AddressSanitizer: heap-use-after-free on 0x12\n at 0\n"),
            "heap-use-after-free");
  EXPECT_EQ(crash_kind("something else"), "");
}

}  // namespace
}  // namespace vectron::sim
