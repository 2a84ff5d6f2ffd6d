#include "sim/plan/plan.h"
#include "sim/plan/plan_services.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "sim/plan/generate.h"
#include "sim/plan/without.h"

namespace vectron::sim {
namespace {

uint32_t at_risk_max(const Plan& plan, std::string_view name) {
  for (const PlanService& service : plan_services()) {
    if (service.name == name) return nodes_at_risk_max(plan, service);
  }
  ADD_FAILURE() << "there is no service " << name;
  return 0;
}

Plan plan_of(uint64_t seed, GenerateOptions options = {}) {
  auto plan = generate_plan(seed, options);
  EXPECT_TRUE(plan.has_value());
  return *plan;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Plan, SurvivesTheWayThroughJson) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    GenerateOptions options;
    options.profile = profiles()[seed % profiles().size()].name;
    options.planted = {"forget_tombstone"};
    const Plan plan = plan_of(seed, options);
    const auto again = parse_plan(plan_to_json(plan));
    ASSERT_TRUE(again.has_value()) << again.error().to_string();
    EXPECT_EQ(*again, plan) << "seed " << seed;
  }
}

TEST(Plan, NamesTheFieldThatItDoesNotKnow) {
  const std::string text = plan_to_json(plan_of(1));
  const auto bad = parse_plan(replaced(text, "\"tick_ms\"", "\"tock_ms\": 3, \"tick_ms\""));
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().field(), "knobs.tock_ms");
}

TEST(Plan, NamesTheFieldThatIsMissingOrOfAnotherType) {
  const std::string text = plan_to_json(plan_of(1));
  const auto missing = parse_plan(replaced(text, "\"planted\": [],", ""));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().field(), "planted");
  const auto type = parse_plan(replaced(text, "\"lost_unsynced\": ", "\"lost_unsynced\": 1"));
  ASSERT_FALSE(type.has_value());
}

TEST(Plan, GivesKnobsAndIntensitiesThatAreMissingTheirDefaults) {
  Plan plan = plan_of(1);
  plan.knobs = {};
  plan.intensities = {};
  const std::string text = plan_to_json(plan);
  const std::string knob = fmt::format("\"tick_ms\": {},", PlanKnobs().tick_ms);
  const auto read = parse_plan(replaced(replaced(text, knob, ""), "\"reset_ppm\": 0,", ""));
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  EXPECT_EQ(*read, plan);
}

TEST(Plan, RefusesTargetsAndShapesThatDoNotExist) {
  Plan plan = plan_of(1);
  plan.faults = {{.id = "crash-0", .fault_class = FaultClass::crash, .target = "worker-9"}};
  ASSERT_FALSE(plan.validate().has_value());
  EXPECT_EQ(plan.validate().error().field(), "faults.target");
  plan.faults[0].target = "worker-1";
  EXPECT_TRUE(plan.validate().has_value());
  plan.workload.collections[0].replication = plan.shape.workers + 1;
  EXPECT_EQ(plan.validate().error().field(), "collections.replication");
}

TEST(Plan, TakesAKindOfNodesForATargetWhereThereAreSome) {
  Plan plan = plan_of(1);
  plan.faults = {{.id = "partition-0",
                  .fault_class = FaultClass::partition,
                  .target = "placement",
                  .peer = "workers"}};
  EXPECT_TRUE(plan.validate().has_value());
  GenerateOptions raft;
  raft.profile = "raft";
  Plan without = plan_of(1, raft);
  without.faults = plan.faults;
  ASSERT_FALSE(without.validate().has_value());
  EXPECT_EQ(without.validate().error().field(), "faults.target");
}

TEST(Plan, RefusesHttpClientsThatDoNotExist) {
  Plan plan = plan_of(1);
  plan.shape.http_clients = {plan.shape.clients};
  ASSERT_FALSE(plan.validate().has_value());
  EXPECT_EQ(plan.validate().error().field(), "shape.http_clients");
}

TEST(Plan, KeepsWhatItSkips) {
  Plan plan = plan_of(1);
  plan.workload.skipped = {{.client = 1, .first = 2, .count = 3}, {.client = 0, .count = 7}};
  const auto again = parse_plan(plan_to_json(plan));
  ASSERT_TRUE(again.has_value()) << again.error().to_string();
  EXPECT_EQ(*again, plan);
}

TEST(GeneratePlan, LetsAboutAThirdOfTheClientsSpeakHttp) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const PlanShape shape = plan_of(seed).shape;
    EXPECT_GE(shape.http_clients.size() * 4, shape.clients);
    EXPECT_LE(shape.http_clients.size() * 2, shape.clients);
  }
}

TEST(GeneratePlan, GivesTheSamePlanForTheSameSeedAndOthersForOthers) {
  EXPECT_EQ(plan_of(7), plan_of(7));
  EXPECT_NE(plan_to_json(plan_of(7)), plan_to_json(plan_of(8)));
}

TEST(GeneratePlan, LeavesAllOtherFaultsWhenOneClassIsSwitchedOff) {
  for (const FaultClassInfo& info : fault_classes()) {
    // What is lost or torn brings power losses along, as crashes.
    const bool brings_others =
        info.fault_class == FaultClass::lost_unsynced || info.fault_class == FaultClass::torn_write;
    if (brings_others) continue;
    for (uint64_t seed = 1; seed <= 50; ++seed) {
      const Plan whole = plan_of(seed);
      GenerateOptions options;
      options.allowed.remove(info.fault_class);
      const Plan without = plan_of(seed, options);
      std::vector<PlannedFault> expected = whole.faults;
      std::erase_if(expected, [&](const auto& f) { return f.fault_class == info.fault_class; });
      EXPECT_EQ(without.faults, expected) << info.name << ", seed " << seed;
      const bool knobs = info.fault_class == FaultClass::knobs;
      EXPECT_EQ(without.knobs, knobs ? PlanKnobs() : whole.knobs);
      EXPECT_EQ(without.workload, whole.workload);
    }
  }
}

TEST(GeneratePlan, KeepsOnlyTheForcedClass) {
  GenerateOptions options;
  options.allowed = FaultClassSet::none();
  options.allowed.add(FaultClass::stall);
  options.force_allowed = true;
  const Plan plan = plan_of(3, options);
  EXPECT_EQ(plan.switched_on, std::vector<std::string>{"stall"});
  EXPECT_FALSE(plan.faults.empty());
  for (const PlannedFault& fault : plan.faults) EXPECT_EQ(fault.fault_class, FaultClass::stall);
  EXPECT_EQ(plan.knobs, PlanKnobs());
}

TEST(GeneratePlan, DrawsEveryClassOnAndOffOverSeeds) {
  std::map<std::string, int> on;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    for (const std::string& name : plan_of(seed).switched_on) ++on[name];
  }
  for (const FaultClassInfo& info : fault_classes()) {
    EXPECT_GT(on[std::string(info.name)], 25) << info.name;
    EXPECT_LT(on[std::string(info.name)], 75) << info.name;
  }
}

TEST(GeneratePlan, PutsAMinorityOfEachReplicaSetAtRisk) {
  size_t at_risk = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    GenerateOptions options;
    options.profile = profiles()[seed % 2].name;
    const Plan plan = plan_of(seed, options);
    EXPECT_TRUE(within_risk_budget(plan)) << "seed " << seed;
    at_risk += nodes_at_risk(plan).size();
    EXPECT_LE(nodes_at_risk(plan).size(),
              at_risk_max(plan, "worker") + at_risk_max(plan, "placement"));
    for (const PlanCollection& collection : plan.workload.collections) {
      if (plan.profile == "cluster") {
        EXPECT_LT(at_risk_max(plan, "worker") * 2, collection.replication);
      }
    }
  }
  EXPECT_GT(at_risk, 100u);
}

TEST(RiskBudget, IsTheMinorityOfTheSmallestReplicaSet) {
  Plan plan = plan_of(1);
  plan.shape.workers = 5;
  plan.shape.placement_nodes = 3;
  plan.workload.collections.resize(1);
  constexpr std::pair<uint32_t, uint32_t> kCases[] = {{1, 0}, {2, 0}, {3, 1}, {4, 1}, {5, 2}};
  for (const auto& [replication, workers] : kCases) {
    plan.workload.collections[0].replication = replication;
    EXPECT_EQ(at_risk_max(plan, "worker"), workers);
    EXPECT_EQ(at_risk_max(plan, "placement"), 1u);
  }
  plan.workload.collections[0].replication = 3;
  plan.faults = {{.id = "a", .fault_class = FaultClass::bit_rot, .target = "worker-0"},
                 {.id = "b", .fault_class = FaultClass::lost_machine, .target = "worker-0"},
                 {.id = "c", .fault_class = FaultClass::lost_machine, .target = "placement-1"}};
  EXPECT_TRUE(within_risk_budget(plan));
  plan.faults[1].target = "worker-1";
  EXPECT_FALSE(within_risk_budget(plan));
}

TEST(RiskBudget, CountsNoRotOfACheckpoint) {
  Plan plan = plan_of(1);
  PlannedFault rot{.id = "a", .fault_class = FaultClass::bit_rot, .target = "worker-0"};
  EXPECT_TRUE(is_destructive(rot));
  rot.rot = RotKind::checkpoint;
  EXPECT_FALSE(is_destructive(rot));
  plan.faults = {rot};
  EXPECT_TRUE(nodes_at_risk(plan).empty());
  EXPECT_TRUE(plan.validate().has_value());
  EXPECT_EQ(parse_plan(plan_to_json(plan))->faults, plan.faults);
}

TEST(Plan, RefusesRotOfACheckpointWhereThereIsNone) {
  Plan plan = plan_of(1);
  plan.faults = {{.id = "a",
                  .fault_class = FaultClass::bit_rot,
                  .target = "placement-0",
                  .rot = RotKind::checkpoint}};
  ASSERT_FALSE(plan.validate().has_value());
  EXPECT_EQ(plan.validate().error().field(), "faults.target");
}

TEST(GeneratePlan, LetsCheckpointsOfAnyWorkersRotBesidesWhatRotDestroys) {
  size_t plans = 0;
  size_t destructive = 0;
  size_t beyond_victims = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Plan plan = plan_of(seed);
    std::set<std::string> workers;
    size_t others = 0;
    for (const PlannedFault& fault : plan.faults) {
      if (fault.fault_class != FaultClass::bit_rot) continue;
      if (is_destructive(fault)) {
        ++others;
      } else {
        workers.insert(fault.target);
      }
    }
    plans += workers.empty() ? 0 : 1;
    destructive += others > 0 ? 1 : 0;
    beyond_victims += workers.size() > at_risk_max(plan, "worker") ? 1 : 0;
  }
  EXPECT_GT(plans, 25u);
  EXPECT_GT(destructive, 25u);
  EXPECT_GT(beyond_victims, 10u);
}

TEST(Plan, RefusesDestructionOfWhoeverLeads) {
  Plan plan = plan_of(1);
  plan.faults = {{.id = "a", .fault_class = FaultClass::lost_machine, .target = "leader"}};
  ASSERT_FALSE(plan.validate().has_value());
  EXPECT_EQ(plan.validate().error().field(), "faults.target");
}

TEST(PlanWithout, TakesOutOneClassAndNothingElse) {
  for (const FaultClassInfo& info : fault_classes()) {
    const Plan whole = plan_of(5);
    const Plan plan = plan_without(whole, info.fault_class);
    EXPECT_TRUE(plan.validate().has_value());
    EXPECT_EQ(std::ranges::count(plan.switched_on, info.name), 0);
    for (const PlannedFault& fault : whole.faults) {
      const auto left = std::ranges::count(plan.faults, fault);
      EXPECT_EQ(left, fault.fault_class == info.fault_class ? 0 : 1) << fault.id;
    }
  }
}

TEST(GeneratePlan, DrawsTheShapesThatTheWorkloadPromises) {
  std::set<uint32_t> shards;
  std::set<uint32_t> replication;
  std::set<PlanIds> ids;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    for (const PlanCollection& collection : plan_of(seed).workload.collections) {
      shards.insert(collection.shards);
      replication.insert(collection.replication);
      ids.insert(collection.ids);
    }
  }
  EXPECT_EQ(shards.size(), 8u);
  EXPECT_EQ(replication.size(), 5u);
  EXPECT_EQ(ids.size(), 3u);
}

TEST(GeneratePlan, LetsSomeRunsHaveACollectionThatComesAndGoesAndWritesThatAreRepeated) {
  size_t fleeting = 0;
  size_t repeating = 0;
  size_t partial = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const PlanWorkload workload = plan_of(seed).workload;
    // Never the first: ratios and probes count on one that stays.
    EXPECT_EQ(workload.collections[0].lifetime_ms, 0u);
    fleeting += workload.collections.back().lifetime_ms > 0 ? 1 : 0;
    repeating += workload.request_id_ppm > 0 ? 1 : 0;
    partial += workload.partial_search_ppm > 0 ? 1 : 0;
  }
  for (const size_t count : {fleeting, repeating, partial}) {
    EXPECT_GT(count, 30u);
    EXPECT_LT(count, 80u);
  }
}

// With three zones for three copies, the lone worker of a zone has a copy of every shard.
TEST(GeneratePlan, GivesTheFullestWorkerMemoryForWhatIsLiveNearlyTwice) {
  size_t checked = 0;
  for (uint64_t seed = 1; seed <= 1'000; ++seed) {
    const Plan plan = plan_of(seed);
    if (plan.knobs.memory_bytes == 0 || plan.shape.zones != 3) continue;
    uint64_t live = 0;
    for (const PlanCollection& each : plan.workload.collections) {
      const uint64_t bytes =
          uint64_t{each.keys} * (each.dimension * sizeof(float) + uint64_t{each.m} * 8 + 240);
      live += each.replication >= 3 ? bytes : bytes * each.replication / 3;
    }
    EXPECT_GE(plan.knobs.memory_bytes * 10, live * 18) << seed;
    ++checked;
  }
  EXPECT_GE(checked, 10u);
}

TEST(GeneratePlan, LetsRunsOfSlowElectionsLastLonger) {
  size_t slow = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const Plan plan = plan_of(seed);
    const uint32_t election_ms = plan.knobs.election_ticks * plan.knobs.tick_ms;
    slow += election_ms > 1'500 ? 1 : 0;
    EXPECT_GE(plan.workload.duration_ms, 18 * election_ms) << seed;
  }
  EXPECT_GT(slow, 10u);
}

TEST(GeneratePlan, BringsEveryCrashedNodeBack) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    for (const PlannedFault& fault : plan_of(seed).faults) {
      const bool crash =
          fault.fault_class == FaultClass::crash || fault.fault_class == FaultClass::kill_all;
      if (crash) EXPECT_GT(fault.duration_ms, 0u) << fault.id;
    }
  }
}

TEST(GeneratePlan, RefusesAProfileThatDoesNotExist) {
  GenerateOptions options;
  options.profile = "chess";
  EXPECT_FALSE(generate_plan(1, options).has_value());
}

TEST(HuntedMilliseconds, CountsTheTimeThatLeadersAreAwayOnce) {
  Plan plan;
  plan.workload.duration_ms = 10'000;
  plan.knobs.election_ticks = 10;
  plan.knobs.tick_ms = 50;
  plan.faults = {{.id = "a",
                  .fault_class = FaultClass::partition,
                  .at_ms = 1'000,
                  .duration_ms = 2'000,
                  .target = "leader"},
                 {.id = "b",
                  .fault_class = FaultClass::pause,
                  .at_ms = 2'000,
                  .duration_ms = 2'000,
                  .target = "leader"},
                 {.id = "c",
                  .fault_class = FaultClass::partition,
                  .at_ms = 8'000,
                  .duration_ms = 10,
                  .target = "leader",
                  .rounds = 9},
                 {.id = "d",
                  .fault_class = FaultClass::partition,
                  .at_ms = 5'000,
                  .duration_ms = 2'000,
                  .target = "worker-1"}};
  EXPECT_EQ(hunted_milliseconds(plan), 3'000u + 2'000u);
}

TEST(GeneratePlan, AsksForLongerWhereLeadersAreHuntedMostOfTheTime) {
  GenerateOptions options;
  options.profile = "cluster";
  options.allowed = FaultClassSet::none();
  options.allowed.add(FaultClass::partition);
  options.allowed.add(FaultClass::pause);
  options.force_allowed = true;
  const auto plan = generate_plan(90'343, options);
  ASSERT_TRUE(plan.has_value());
  // All faults begin in the first 20 s; without the rest, clients asked 933 times.
  EXPECT_GT(plan->workload.duration_ms, 24'000u);
}

}  // namespace
}  // namespace vectron::sim
