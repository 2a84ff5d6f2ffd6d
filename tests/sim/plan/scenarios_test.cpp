#include "sim/plan/scenarios.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "sim/plan/generate.h"

namespace vectron::sim {
namespace {

Plan plan_of(uint64_t seed, const std::string& profile = "cluster") {
  GenerateOptions options;
  options.profile = profile;
  auto plan = generate_plan(seed, options);
  EXPECT_TRUE(plan.has_value());
  return *std::move(plan);
}

/// The scenario that a fault belongs to; empty for one that stands alone.
std::string scenario_of(const PlannedFault& fault) {
  for (const ScenarioInfo& info : scenarios()) {
    if (fault.id.starts_with(std::string(info.name) + "-")) return std::string(info.name);
  }
  return "";
}

TEST(Scenarios, AreAllPlayedByManySeeds) {
  for (const std::string profile : {"cluster", "raft"}) {
    std::map<std::string, int> seeds;
    for (uint64_t seed = 1; seed <= 400; ++seed) {
      std::set<std::string> played;
      for (const PlannedFault& fault : plan_of(seed, profile).faults) {
        played.insert(scenario_of(fault));
      }
      for (const std::string& name : played) ++seeds[name];
    }
    for (const ScenarioInfo& info : scenarios()) {
      if (profile == "raft" && info.name == "divided_planes") continue;  // There is one plane.
      EXPECT_GE(seeds[std::string(info.name)], 12) << info.name << " in " << profile;
    }
  }
}

TEST(Scenarios, LeaveHalfOfTheSeedsAloneAndAreUndisturbedInSome) {
  int alone = 0;
  int undisturbed = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Plan plan = plan_of(seed);
    const auto is_act = [](const PlannedFault& fault) { return !scenario_of(fault).empty(); };
    alone += std::ranges::none_of(plan.faults, is_act) ? 1 : 0;
    undisturbed += !plan.faults.empty() && std::ranges::all_of(plan.faults, is_act) ? 1 : 0;
  }
  EXPECT_GT(alone, 80);
  EXPECT_GT(undisturbed, 25);
  EXPECT_LT(undisturbed, 75);
}

// Else the oracle of full disks, which needs a network that does its work, would judge next to
// nothing.
TEST(Scenarios, LeaveTheNetworkAloneWhereFullDisksAreAllThatIsWrong) {
  int judged = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    const Plan plan = plan_of(seed);
    const auto is_of = [](std::string_view scenario) {
      return [scenario](const PlannedFault& fault) {
        return scenario.empty() ? scenario_of(fault).empty() : scenario_of(fault) == scenario;
      };
    };
    if (std::ranges::none_of(plan.faults, is_of("full_restart"))) continue;
    const bool undisturbed = std::ranges::none_of(plan.faults, is_of(""));
    if (!undisturbed) continue;
    EXPECT_TRUE(leaves_network_alone(plan.intensities)) << "seed " << seed;
    for (const char* name : {"delay", "reset", "half_open", "stall", "connect", "message"}) {
      EXPECT_EQ(std::ranges::count(plan.switched_on, name), 0) << "seed " << seed << " " << name;
    }
    judged += plan.knobs.wal_reserve_bytes > 0 ? 1 : 0;
  }
  EXPECT_GE(judged, 6);
}

TEST(Scenarios, UseOnlyClassesThatAreOn) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const Plan plan = plan_of(seed);
    for (const PlannedFault& fault : plan.faults) {
      if (scenario_of(fault).empty()) continue;
      const std::string name(fault_class_name(fault.fault_class));
      EXPECT_EQ(std::ranges::count(plan.switched_on, name), 1) << "seed " << seed << " " << name;
    }
  }
}

TEST(Scenarios, DestroyOnceInASeedAtMost) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const Plan plan = plan_of(seed);
    EXPECT_LE(std::ranges::count_if(plan.faults,
                                    [](const PlannedFault& fault) {
                                      return !scenario_of(fault).empty() &&
                                             is_destructive(fault.fault_class);
                                    }),
              1)
        << "seed " << seed;
  }
}

TEST(Scenarios, AreNotPlayedWhereSpeedIsMeasured) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    for (const PlannedFault& fault : plan_of(seed, "loaded").faults) {
      EXPECT_EQ(scenario_of(fault), "") << "seed " << seed;
    }
  }
}

TEST(DrawScenarios, HasNothingToPlayWithoutItsClasses) {
  Plan plan = plan_of(1);
  const ScenarioStage stage{
      .plan = &plan, .knobs = {}, .classes = FaultClassSet::none(), .victims = {"worker-0"}};
  EXPECT_TRUE(draw_scenarios(stage, 20'000).empty());
}

TEST(DrawScenarios, BeginsNothingAfterTheEnd) {
  Plan plan = plan_of(1);
  for (plan.seed = 1; plan.seed <= 100; ++plan.seed) {
    const ScenarioStage stage{
        .plan = &plan, .knobs = {}, .classes = FaultClassSet::all(), .victims = {"placement-1"}};
    const auto faults = draw_scenarios(stage, 15'000);
    EXPECT_FALSE(faults.empty());
    for (const PlannedFault& fault : faults) EXPECT_LT(fault.at_ms, 15'000u) << fault.id;
    EXPECT_EQ(draw_scenarios(stage, 15'000), faults);
  }
}

}  // namespace
}  // namespace vectron::sim
