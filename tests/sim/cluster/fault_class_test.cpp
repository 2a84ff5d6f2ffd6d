// Each fault class matters: the same plan with and without it gives clients another history, or
// the log other entries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "sim/cluster/run.h"
#include "sim/plan/generate.h"
#include "sim/plan/without.h"

namespace vectron::sim {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::Eq;
using testing::IsEmpty;

constexpr uint64_t kSeedsMax = 80;

std::string told(const RunReport& report) {
  std::string out;
  for (const Violation& violation : report.violations) {
    out += fmt::format("[{}] {}\n", violation.oracle, violation.text);
  }
  return out;
}

/// The power of everything fails every two seconds.
void add_power_losses(Plan* plan) {
  for (uint32_t at_ms = 1'000; at_ms + 2'000 < plan->workload.duration_ms; at_ms += 2'000) {
    plan->faults.push_back({.id = fmt::format("dark-{}", at_ms),
                            .fault_class = FaultClass::kill_all,
                            .at_ms = at_ms,
                            .duration_ms = 50,
                            .target = "all",
                            .mode = CrashMode::power_loss});
  }
}

/// A short plan in which `fault_class` is on, and what it needs to show.
Plan plan_of(FaultClass fault_class, uint64_t seed) {
  GenerateOptions options;
  // Wall clocks show in the timestamps of a shard's entries, which a register has not; and its
  // writes are too short to be torn.
  // A register has no clients that could be hostile.
  const bool in_cluster = fault_class == FaultClass::clock_step ||
                          fault_class == FaultClass::torn_write ||
                          fault_class == FaultClass::hostile;
  options.profile = in_cluster ? "cluster" : "raft";
  options.allowed = FaultClassSet::none();
  options.allowed.add(fault_class);
  const bool needs_crashes =
      fault_class == FaultClass::lost_unsynced || fault_class == FaultClass::torn_write;
  if (needs_crashes) options.allowed.add(FaultClass::crash);
  if (needs_crashes) options.allowed.add(FaultClass::kill_all);
  if (fault_class == FaultClass::half_open) options.allowed.add(FaultClass::reset);
  // The pieces of a message take no time of their own, but each may be late.
  if (fault_class == FaultClass::short_io) options.allowed.add(FaultClass::delay);
  options.force_allowed = true;
  auto plan = generate_plan(seed, options);
  EXPECT_TRUE(plan.has_value());
  plan->intensities.buggify_point_ppm = 0;
  if (fault_class == FaultClass::torn_write) add_power_losses(&*plan);
  return *std::move(plan);
}

/// What is to be seen of a run.
struct Seen {
  RunReport report;
  /// The nodes' log lines.
  std::string log;
  bool operator==(const Seen& other) const {
    return report.history == other.report.history && report.log_digest == other.report.log_digest &&
           log == other.log;
  }
};

Seen see(const Plan& plan) {
  Seen seen;
  RunOptions options;
  options.keep_history = true;
  options.log_sink = [&](const LogLine& line) {
    seen.log +=
        fmt::format("{} {} {}\n", line.when.time_since_epoch().count(), line.node, line.text);
  };
  seen.report = run_plan(plan, options);
  return seen;
}

class EachFaultClass : public ::testing::TestWithParam<FaultClassInfo> {};

TEST_P(EachFaultClass, ChangesWhatClientsOrTheLogSee) {
  const FaultClass fault_class = GetParam().fault_class;
  for (uint64_t seed = 1; seed <= kSeedsMax; ++seed) {
    const Plan with = plan_of(fault_class, seed);
    const Plan without = plan_without(with, fault_class);
    const Seen on = see(with);
    EXPECT_TRUE(on.report.passed()) << "seed " << seed << "\n" << told(on.report);
    if (on.report.faults.count(fault_class) == 0) continue;
    const Seen off = see(without);
    EXPECT_TRUE(off.report.passed()) << "seed " << seed << "\n" << told(off.report);
    EXPECT_EQ(off.report.faults.count(fault_class), 0u);
    if (!(on == off)) return;
  }
  FAIL() << GetParam().name << " changed nothing that a client or a log saw in " << kSeedsMax
         << " seeds";
}

INSTANTIATE_TEST_SUITE_P(Classes, EachFaultClass, ::testing::ValuesIn(fault_classes()),
                         [](const auto& info) { return std::string(info.param.name); });

/// A plan of one fault, written by hand as a person would.
Plan experiment(PlannedFault fault, const std::string& profile = "raft") {
  GenerateOptions options;
  options.profile = profile;
  options.allowed = FaultClassSet::none();
  Plan plan = *generate_plan(11, options);
  plan.intensities = {};
  plan.workload.duration_ms = 8'000;
  plan.loaded.to_ms = 8'000;
  fault.id = "experiment";
  plan.faults = {std::move(fault)};
  return plan;
}

TEST(LeaderOfAStalledDisk, HandsOverSoThatItsShardGoesOn) {
  const RunReport stalled = run_plan(experiment({.fault_class = FaultClass::slow_disk,
                                                 .at_ms = 1'000,
                                                 .duration_ms = 6'500,
                                                 .target = "leader",
                                                 .factor = 0}),
                                     {});
  EXPECT_TRUE(stalled.passed()) << told(stalled);
  EXPECT_GE(stalled.leader_changes, 2u);
  // A leader that kept its place would leave three quarters of the run without an answer.
  EXPECT_GT(stalled.operations.ok * 10, stalled.operations.total() * 8);
}

TEST(LeaderOfAFullDisk, HandsOverAndComesBack) {
  const RunReport full = run_plan(experiment({.fault_class = FaultClass::disk_full,
                                              .at_ms = 1'000,
                                              .duration_ms = 6'500,
                                              .target = "leader"}),
                                  {});
  EXPECT_TRUE(full.passed()) << told(full);
  EXPECT_GE(full.leader_changes, 2u);
  EXPECT_GT(full.operations.ok * 10, full.operations.total() * 8);
}

TEST(FullDisksEverywhere, RefuseWritesAndLeaveReads) {
  const RunReport full = run_plan(experiment({.fault_class = FaultClass::disk_full,
                                              .at_ms = 1'000,
                                              .duration_ms = 6'000,
                                              .target = "all"}),
                                  {});
  EXPECT_TRUE(full.passed()) << told(full);
  EXPECT_GT(full.faults.count(FaultClass::disk_full), 0u);
  EXPECT_GT(full.operations.failed, 20u);
  EXPECT_GT(full.gets_ok, 100u);
}

TEST(PausedLeader, ServesNoStaleReadWhenItGoesOn) {
  const RunReport paused = run_plan(experiment({.fault_class = FaultClass::pause,
                                                .at_ms = 2'000,
                                                .duration_ms = 4'000,
                                                .target = "leader"}),
                                    {});
  EXPECT_TRUE(paused.passed()) << told(paused);
  EXPECT_EQ(paused.faults.count(FaultClass::pause), 1u);
  EXPECT_GE(paused.leader_changes, 2u);
}

TEST(LostMachine, StaysOutAndTheOthersServe) {
  for (const uint32_t back_after_ms : {0u, 500u}) {
    const RunReport lost = run_plan(experiment({.fault_class = FaultClass::lost_machine,
                                                .at_ms = 3'000,
                                                .duration_ms = back_after_ms,
                                                .target = "worker-0"}),
                                    {});
    EXPECT_TRUE(lost.passed()) << told(lost);
    EXPECT_EQ(lost.faults.count(FaultClass::lost_machine), 1u);
    EXPECT_FALSE(lost.beyond_promises);
  }
}

TEST(PlacementDriverAndWorkersApart, ServeWhatThereIs) {
  PlannedFault apart{.fault_class = FaultClass::partition,
                     .at_ms = 1'000,
                     .duration_ms = 5'000,
                     .target = "placement",
                     .peer = "workers"};
  Plan plan = experiment(apart, "cluster");
  // One that is removed meanwhile can neither be let go of nor made again.
  std::erase_if(plan.workload.collections, [](const auto& c) { return c.lifetime_ms != 0; });
  const RunReport report = run_plan(plan, {});
  EXPECT_TRUE(report.passed()) << told(report);
  // Each pair was cut: all talk to one another.
  EXPECT_GE(report.faults.count(FaultClass::partition),
            uint64_t{plan.shape.placement_nodes} * plan.shape.workers);
  EXPECT_GT(report.operations.ok * 100, report.operations.total() * 99);
}

TEST(RottenLog, FencesItsNode) {
  const Plan plan = experiment({.fault_class = FaultClass::bit_rot,
                                .at_ms = 3'000,
                                .duration_ms = 200,
                                .target = "worker-1",
                                .rot = RotKind::log});
  std::vector<std::string> refusals;  // By node.
  RunOptions options;
  options.log_sink = [&](const LogLine& line) {
    if (line.text.contains("the write-ahead log is damaged")) refusals.emplace_back(line.node);
  };
  const RunReport rotten = run_plan(plan, options);
  EXPECT_TRUE(rotten.passed()) << told(rotten);
  EXPECT_GT(rotten.faults.count(FaultClass::bit_rot), 0u);
  // It is started again and again, finds the damage each time, and takes part in nothing.
  EXPECT_THAT(refusals, Each(Eq("worker-1")));
  EXPECT_GE(refusals.size(), 5u);
  EXPECT_GE(refusals.size() + 1, rotten.restarts);
  EXPECT_THAT(rotten.silent_nodes, ElementsAre("worker-1"));
  EXPECT_THAT(run_plan(plan_without(plan, FaultClass::bit_rot), {}).silent_nodes, IsEmpty());
}

/// Every worker's process is killed a while after something of its checkpoints has rotted.
Plan plan_of_rotten_checkpoints() {
  Plan plan = experiment({}, "cluster");
  std::erase_if(plan.workload.collections, [](const auto& c) { return c.lifetime_ms != 0; });
  plan.knobs.checkpoint_points = 5;
  plan.knobs.checkpoint_pause_ms = 1'000;
  plan.knobs.upkeep_interval_ms = 200;
  plan.knobs.graph_points_min = 0;
  plan.faults.clear();
  for (uint32_t worker = 0; worker < plan.shape.workers; ++worker) {
    plan.faults.push_back({.id = fmt::format("rot-{}", worker),
                           .fault_class = FaultClass::bit_rot,
                           .at_ms = 4'000 + 300 * worker,
                           .duration_ms = 20,
                           .target = fmt::format("worker-{}", worker),
                           .rot = RotKind::checkpoint});
  }
  return plan;
}

TEST(RottenCheckpoints, AreRefusedAndCostNothingButLearning) {
  const Plan plan = plan_of_rotten_checkpoints();
  EXPECT_TRUE(nodes_at_risk(plan).empty());
  size_t said = 0;
  RunOptions options;
  options.log_sink = [&](const LogLine& line) {
    if (line.text.contains("learns its graph anew: data_loss")) ++said;
  };
  const RunReport rotten = run_plan(plan, options);
  EXPECT_TRUE(rotten.passed()) << told(rotten);
  EXPECT_GT(rotten.faults.count(FaultClass::bit_rot), 0u);
  EXPECT_GT(rotten.checkpoints_refused, 0u);
  EXPECT_EQ(said, rotten.checkpoints_refused);
  EXPECT_GE(rotten.restarts, plan.shape.workers);
  EXPECT_THAT(rotten.silent_nodes, IsEmpty());
  said = 0;
  EXPECT_EQ(run_plan(plan_without(plan, FaultClass::bit_rot), options).checkpoints_refused, 0u);
  EXPECT_EQ(said, 0u);
}

TEST(RottenCheckpoints, AreMissedByAWorkerThatComparesNoChecksum) {
  // Most flipped bits are found by what else is looked at: ids, versions, counts, ends, levels.
  std::set<std::string> oracles;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Plan plan = plan_of_rotten_checkpoints();
    plan.seed = seed;
    plan.planted = {"checkpoint_skips_checksum"};
    for (const Violation& each : run_plan(plan, {}).violations) oracles.insert(each.oracle);
  }
  EXPECT_THAT(oracles, ElementsAre("rot"));
}

TEST(RottenCheckpoints, DoNothingWhereThereAreNone) {
  Plan plan = plan_of_rotten_checkpoints();
  plan.knobs.graph_points_min = 1'000'000;
  const RunReport report = run_plan(plan, {});
  EXPECT_TRUE(report.passed()) << told(report);
  EXPECT_EQ(report.faults.count(FaultClass::bit_rot), 0u);
  EXPECT_EQ(report.restarts, 0u);
}

TEST(MoreAtRiskThanPromised, IsSaidAndExpectsLess) {
  Plan plan = experiment({.fault_class = FaultClass::lost_machine,
                          .at_ms = 3'000,
                          .duration_ms = 0,
                          .target = "worker-0"});
  plan.shape.workers = 3;
  for (const std::string name : {"worker-1", "worker-2"}) {
    plan.faults.push_back(plan.faults.front());
    plan.faults.back().id = name;
    plan.faults.back().target = name;
  }
  const RunReport lost = run_plan(plan, {});
  EXPECT_TRUE(lost.beyond_promises);
  EXPECT_TRUE(lost.passed()) << told(lost);
}

}  // namespace
}  // namespace vectron::sim
