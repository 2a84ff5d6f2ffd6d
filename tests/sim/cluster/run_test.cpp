#include "sim/cluster/run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "sim/cluster/client_workload.h"
#include "sim/oracle/planted_bugs.h"
#include "sim/plan/generate.h"

namespace vectron::sim {
namespace {

Plan plan_of(uint64_t seed, const std::string& profile, std::vector<std::string> planted = {}) {
  GenerateOptions options;
  options.profile = profile;
  options.planted = std::move(planted);
  auto plan = generate_plan(seed, options);
  EXPECT_TRUE(plan.has_value());
  return *std::move(plan);
}

std::string told(const RunReport& report) {
  std::string out;
  for (const Violation& violation : report.violations) {
    out += fmt::format("[{}] {}\n", violation.oracle, violation.text);
  }
  return out;
}

class RunPlan : public ::testing::TestWithParam<std::string> {};

TEST_P(RunPlan, KeepsEveryPromiseUnderFaults) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const RunReport report = run_plan(plan_of(seed, GetParam()), {});
    EXPECT_TRUE(report.passed()) << "seed " << seed << "\n" << told(report);
    EXPECT_GE(report.operations.total(), 1'000u);
    EXPECT_GE(report.operations.definite() * 2, report.operations.total());
    EXPECT_GE(report.faults.classes_fired(), 3u);
    EXPECT_GT(report.upserts_ok, 100u);
    EXPECT_GT(report.gets_ok, 100u);
  }
}

TEST_P(RunPlan, HappensTheSameWayTwice) {
  const Plan plan = plan_of(7, GetParam());
  std::vector<TraceRecord> first;
  RunOptions recording;
  recording.trace_sink = [&](const TraceRecord& record) { first.push_back(record); };
  recording.keep_history = true;
  const RunReport one = run_plan(plan, recording);
  size_t position = 0;
  size_t different = 0;
  RunOptions comparing;
  comparing.trace_sink = [&](const TraceRecord& record) {
    const bool same = position < first.size() && first[position] == record;
    different += same ? 0 : 1;
    ++position;
  };
  comparing.keep_history = true;
  const RunReport two = run_plan(plan, comparing);
  EXPECT_EQ(one.trace, two.trace);
  EXPECT_EQ(different, 0u);
  EXPECT_EQ(position, first.size());
  EXPECT_EQ(one.history, two.history);
}

TEST_P(RunPlan, HappensAnotherWayForAnotherSeed) {
  const RunReport one = run_plan(plan_of(1, GetParam()), {});
  const RunReport two = run_plan(plan_of(2, GetParam()), {});
  EXPECT_NE(one.trace, two.trace);
}

TEST_P(RunPlan, IsQuietWithoutFaults) {
  GenerateOptions options;
  options.profile = GetParam();
  options.allowed = FaultClassSet::none();
  Plan plan = *generate_plan(5, options);
  plan.intensities = {};
  // What is asked of a collection that was removed fails, and rightly so.
  std::erase_if(plan.workload.collections, [](const auto& c) { return c.lifetime_ms != 0; });
  const RunReport report = run_plan(plan, {});
  EXPECT_TRUE(report.passed()) << told(report);
  EXPECT_EQ(report.faults.classes_fired(), 0u);
  EXPECT_EQ(report.operations.unknown, 0u);
  EXPECT_EQ(report.operations.failed, 0u);
}

INSTANTIATE_TEST_SUITE_P(Profiles, RunPlan, ::testing::Values("raft", "cluster"),
                         [](const auto& info) { return info.param; });

TEST(RunPlanOnce, GivesAHistoryWhoseOperationsAllEnded) {
  RunOptions options;
  options.keep_history = true;
  const RunReport report = run_plan(plan_of(4, "raft"), options);
  const auto lines = static_cast<uint64_t>(std::ranges::count(report.history, '\n'));
  EXPECT_EQ(lines, report.operations.total());
  EXPECT_EQ(report.history.find("pending"), std::string::npos);
}

/// A plan of one fault, written by hand as a person would.
Plan experiment(PlannedFault fault) {
  GenerateOptions options;
  options.profile = "raft";
  options.allowed = FaultClassSet::none();
  Plan plan = *generate_plan(11, options);
  plan.intensities = {};
  plan.workload.duration_ms = 6'000;
  plan.loaded.to_ms = 6'000;
  fault.id = "experiment";
  plan.faults = {std::move(fault)};
  return plan;
}

TEST(RunPlanOnce, ElectsAnotherLeaderWhenTheLeaderIsCutOff) {
  const RunReport report = run_plan(experiment({.fault_class = FaultClass::partition,
                                                .at_ms = 1'000,
                                                .duration_ms = 4'000,
                                                .target = "leader",
                                                .peer = "durable"}),
                                    {});
  EXPECT_TRUE(report.passed()) << told(report);
  EXPECT_GE(report.leader_changes, 2u);
  EXPECT_GT(report.faults.count(FaultClass::partition), 0u);
}

TEST(RunPlanOnce, ComesBackAfterAllPowerIsLost) {
  Plan plan = experiment({.fault_class = FaultClass::kill_all,
                          .at_ms = 3'000,
                          .duration_ms = 500,
                          .target = "all",
                          .mode = CrashMode::power_loss});
  plan.lost_unsynced = true;
  plan.torn_writes = true;
  plan.faults.push_back({.id = "crash-0",
                         .fault_class = FaultClass::crash,
                         .at_ms = 5'000,
                         .duration_ms = 100,
                         .target = "leader",
                         .mode = CrashMode::power_loss_in_commit,
                         .commit_call = 2});
  const RunReport report = run_plan(plan, {});
  EXPECT_TRUE(report.passed()) << told(report);
  EXPECT_EQ(report.faults.count(FaultClass::kill_all), 1u);
  EXPECT_GT(report.faults.count(FaultClass::crash), 0u);
}

TEST(RunPlanOnce, StopsNodesInOrderWhenTheyAreTold) {
  for (const std::string profile : {"raft", "cluster"}) {
    GenerateOptions quiet;
    quiet.profile = profile;
    quiet.allowed = FaultClassSet::none();
    Plan plan = *generate_plan(11, quiet);
    plan.intensities = {};
    PlannedFault stop{.id = "stop-0",
                      .fault_class = FaultClass::crash,
                      .at_ms = 2'000,
                      .duration_ms = 1'000,
                      .target = "leader",
                      .mode = CrashMode::stop,
                      .grace_ms = 20'000};
    plan.faults = {stop};
    RunReport report = run_plan(plan, {});
    EXPECT_TRUE(report.passed()) << told(report);
    EXPECT_EQ(report.orderly_stops, 1u);
    EXPECT_EQ(report.faults.count(FaultClass::crash), 1u);
    EXPECT_EQ(report.restarts, 1u);
    // Without time for it the process is killed.
    plan.faults[0].grace_ms = 0;
    report = run_plan(plan, {});
    EXPECT_TRUE(report.passed()) << told(report);
    EXPECT_EQ(report.orderly_stops, 0u);
    EXPECT_EQ(report.restarts, 1u);
  }
}

TEST(RunPlanOnce, TellsEveryKindOfNodeToStop) {
  GenerateOptions quiet;
  quiet.allowed = FaultClassSet::none();
  Plan plan = *generate_plan(12, quiet);
  plan.intensities = {};
  uint32_t at_ms = 1'000;
  for (const char* target : {"placement-0", "worker-1", "gateway-1", "worker-2"}) {
    plan.faults.push_back({.id = fmt::format("stop-{}", target),
                           .fault_class = FaultClass::crash,
                           .at_ms = at_ms,
                           .duration_ms = 500,
                           .target = target,
                           .mode = CrashMode::stop,
                           .grace_ms = 20'000});
    at_ms += 2'500;
  }
  const RunReport report = run_plan(plan, {});
  EXPECT_TRUE(report.passed()) << told(report);
  EXPECT_EQ(report.orderly_stops, 4u);
}

/// Which value was written to which point, by which of the workload's clients, as a history's lines
/// tell it. (What comes after the workload takes the values that are left.)
std::set<std::string> upserts_of(const std::string& history, uint32_t clients) {
  const auto member = [](std::string_view line, std::string_view name) {
    const size_t at = line.find(name);
    EXPECT_NE(at, std::string_view::npos) << line;
    return std::string(line.substr(at, line.find(',', at) - at));
  };
  std::set<std::string> out;
  std::istringstream lines(history);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("\"kind\":\"upsert\"") == std::string::npos) continue;
    const std::string client = member(line, "\"client\":");
    if (std::stoul(client.substr(client.find(':') + 1)) >= clients) continue;
    out.insert(client + member(line, "\"id\":") + member(line, "\"value\":"));
  }
  return out;
}

TEST(RunPlanWithSkips, LeavesAllOtherOperationsAsTheyWere) {
  GenerateOptions quiet;
  quiet.allowed = FaultClassSet::none();
  Plan plan = *generate_plan(5, quiet);
  plan.intensities = {};
  plan.workload.duration_ms = 4'000;
  plan.loaded.to_ms = 4'000;
  // So few that no client ever has as many at once as it may: an arrival that finds no room is
  // lost.
  plan.workload.operations_per_second = 40;
  RunOptions options;
  options.keep_history = true;
  const uint32_t clients = plan.shape.clients;
  const std::set<std::string> all = upserts_of(run_plan(plan, options).history, clients);
  plan.workload.skipped = {{.client = 0, .first = 2, .count = 8}, {.client = 1, .count = 1'000}};
  const std::set<std::string> rest = upserts_of(run_plan(plan, options).history, clients);
  EXPECT_LT(rest.size(), all.size());
  EXPECT_GT(rest.size(), all.size() / 3);
  std::vector<std::string> others;
  std::ranges::set_difference(rest, all, std::back_inserter(others));
  EXPECT_TRUE(others.empty()) << others.size() << " of " << rest.size() << ": " << others.front();
}

Plan kept_plan(const std::string& name) {
  std::ifstream file(fmt::format("{}/tests/sim/plans/{}.json", VECTRON_SOURCE_DIR, name));
  std::stringstream text;
  text << file.rdbuf();
  auto plan = parse_plan(text.str());
  EXPECT_TRUE(plan.has_value()) << name;
  return plan.value_or(Plan());
}

// Little log is kept, snapshots travel in small pieces and writes never pause: a follower that was
// away for three seconds.
TEST(SnapshotLoop, AFollowerThatIsFilledAnewCatchesUpFromTheLog) {
  const RunReport report = run_plan(kept_plan("snapshot_loop"), {});
  EXPECT_TRUE(report.passed()) << told(report);
  EXPECT_GE(report.snapshots_installed, 1u);
  EXPECT_LE(report.snapshots_installed, 4u);
  EXPECT_GE(report.recall.searches, 100u);
  EXPECT_GE(report.recall.found_ppm(), kRecallFloorPpm);
}

TEST(SnapshotLoop, IsSeenWhereTheLogWaitsForNobody) {
  Plan plan = kept_plan("snapshot_loop");
  plan.planted = {"log_waits_for_nobody"};
  const RunReport report = run_plan(plan, {});
  ASSERT_FALSE(report.violations.empty());
  EXPECT_EQ(report.violations[0].oracle, oracle::kSnapshots);
}

/// A run, and how often its nodes logged something with `text` in it.
struct ToldRun {
  RunReport report;
  int lines = 0;
};

ToldRun run_and_listen(const Plan& plan, std::string_view text) {
  ToldRun told;
  RunOptions options;
  options.log_sink = [&](const LogLine& line) { told.lines += line.text.contains(text) ? 1 : 0; };
  told.report = run_plan(plan, options);
  return told;
}

/// Runs `plan` under one seed after another until a run logs `text`: what the plan is about has
/// happened then. All of them must pass.
void expect_passes_where_it_happens(Plan plan, std::string_view text) {
  constexpr uint64_t kSeedsMax = 12;
  const uint64_t first = plan.seed;
  for (; plan.seed < first + kSeedsMax; ++plan.seed) {
    const ToldRun run = run_and_listen(plan, text);
    ASSERT_TRUE(run.report.passed()) << "seed " << plan.seed << "\n" << told(run.report);
    if (run.lines > 0) return;
  }
  FAIL() << "nothing was logged that says '" << text << "' under " << kSeedsMax << " seeds";
}

// A replica that finds no descriptor when it starts on a running worker is tried again, and has not
// stopped by itself. Descriptors come and go so fast that births begin with and go on without.
TEST(Descriptors, AReplicaThatIsPutBackHasNotStopped) {
  Plan plan = kept_plan("replica_put_back");
  for (uint32_t at_ms = 1'000; at_ms < plan.workload.duration_ms - 500; at_ms += 40) {
    plan.faults.push_back({.id = fmt::format("descriptors-{}", plan.faults.size()),
                           .fault_class = FaultClass::descriptors,
                           .at_ms = at_ms,
                           .duration_ms = 20,
                           .target = "workers"});
  }
  expect_passes_where_it_happens(plan, "does not start, and is tried again");
}

TEST(Workload, IsOverWhenItsTimeIsOrGoesOnUntilItHasShownEnough) {
  PlanWorkload workload;
  workload.operations_per_second = 100;
  workload.duration_ms = 20'000;
  History few;
  History enough;
  for (int i = 0; i < 999; ++i) few.add({});
  for (int i = 0; i < 1'000; ++i) enough.add({});
  EXPECT_FALSE(is_over(workload, enough, 19'999ms));
  EXPECT_TRUE(is_over(workload, enough, 20s));
  EXPECT_FALSE(is_over(workload, few, 39'999ms));
  EXPECT_TRUE(is_over(workload, few, 40s));
  workload.skipped.push_back({});
  EXPECT_TRUE(is_over(workload, few, 20s)) << "a plan that leaves some out is as it is";
  workload.skipped.clear();
  workload.operations_per_second = 74;
  EXPECT_TRUE(is_over(workload, few, 20s)) << "it asks for fewer than are judged";
}

// Worker 1 is killed while its disk is full, in the middle of a removal: data goes first, and the
// tombstone waits for space.
TEST(FullDisk, ARemovalThatIsCutShortIsNoLoss) {
  expect_passes_where_it_happens(kept_plan("removal_cut_short"), "was cut short, and waits");
}

// One follower found room for what the leader and the other one could not write: elected by nobody,
// it must not be asked to lead.
TEST(FullDisk, AGroupKeepsALeaderWhereMostCannotWriteWhatOneCan) {
  Plan plan = kept_plan("full_disks_keep_a_leader");
  const uint64_t first = plan.seed;
  for (; plan.seed < first + 4; ++plan.seed) {
    const RunReport report = run_plan(plan, {});
    EXPECT_TRUE(report.passed()) << "seed " << plan.seed << "\n" << told(report);
  }
}

/// Eight hostile clients of `kind` at one gateway and one worker.
Plan hostile_plan(HostileKind kind, HostileDoor door, uint64_t seed) {
  Plan plan = plan_of(seed, "cluster");
  plan.intensities = {};
  plan.switched_on = {"hostile"};
  const bool http = door == HostileDoor::http;
  const uint32_t connections = kind == HostileKind::crowd ? 80 : 8;
  plan.faults = {{.id = "hostile-0",
                  .fault_class = FaultClass::hostile,
                  .at_ms = 1'000,
                  .duration_ms = 30'000,
                  .target = http ? "gateways" : "worker-1",
                  .hostile = kind,
                  .door = door,
                  .connections = connections},
                 {.id = "hostile-1",
                  .fault_class = FaultClass::hostile,
                  .at_ms = 1'500,
                  .duration_ms = 30'000,
                  .target = "gateway-0",
                  .hostile = kind,
                  .door = door,
                  .connections = connections}};
  return plan;
}

TEST(Hostile, ClientsAreBoundedCutOffAndKeepNobodyOut) {
  for (const HostileKind kind : {HostileKind::unread, HostileKind::slow, HostileKind::crowd}) {
    for (const HostileDoor door : {HostileDoor::rpc, HostileDoor::http}) {
      const RunReport report = run_plan(hostile_plan(kind, door, 7), {});
      EXPECT_TRUE(report.passed()) << static_cast<int>(kind) << " " << told(report);
      EXPECT_GT(report.faults.count(FaultClass::hostile), 8U);
      // One host may hold 1.5 MiB at a gateway, 6 at a worker: they were brought near it.
      const uint64_t filled = kind == HostileKind::crowd ? 0 : 500'000;
      EXPECT_GE(report.peer_bytes_peak, filled) << static_cast<int>(kind);
      EXPECT_LE(report.peer_bytes_peak, 12U << 20);
    }
  }
}

TEST(Forgery, LeavesNoTraceInAnyGroup) {
  for (const std::string profile : {"cluster", "raft"}) {
    Plan plan = plan_of(5, profile);
    plan.faults.clear();
    plan.intensities = {.forged_per_second = 200};
    plan.switched_on = {"forgery"};
    const RunReport report = run_plan(plan, {});
    EXPECT_TRUE(report.passed()) << told(report);
    plan.planted = {"trust_any_peer"};
    EXPECT_FALSE(run_plan(plan, {}).passed()) << profile;
  }
}

}  // namespace
}  // namespace vectron::sim
