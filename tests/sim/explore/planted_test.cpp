// A test of the tests: the shrunk plan of each planted bug shows it by an oracle that is meant to,
// and the same plan without the bug passes.
//
// The plans (tests/sim/plans/planted/NAME.json) are made by `vectron-sim renew-planted`. A change
// of the product's timing may hide an interleaving under one seed, so the same plan is tried under
// the next ones too; when they hide it as well, run that command again.
#include "sim/oracle/planted_bugs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/explore/renew_planted.h"
#include "sim/explore/shrink.h"

namespace vectron::sim {
namespace {

/// Of one plan, the one it was made for included.
constexpr uint64_t kSeedsMax = 8;
constexpr uint32_t kRunSecondsMax = 120;

const std::string kPlansFolder = VECTRON_SOURCE_DIR "/tests/sim/plans/planted";

Result<FailureFile> kept_plan(std::string_view bug) {
  const std::string path = planted_plan_path(kPlansFolder, bug);
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file) return fail(Code::not_found, "there is no " + path);
  return parse_failure_file(text.str());
}

std::optional<Failure> run(const Plan& plan) {
  return judge_plan(plan, kRunSecondsMax,
                    [](const Plan& one) { return run_candidate(one, false); });
}

/// The kept plan, under the first seed that shows the bug.
std::optional<Plan> plan_that_shows(const PlantedBug& bug, Plan plan) {
  for (uint64_t tried = 0; tried < kSeedsMax; ++tried, ++plan.seed) {
    const auto failure = run(plan);
    if (failure.has_value() && finds(bug, failure->failure_class)) return plan;
  }
  return std::nullopt;
}

class Planted : public ::testing::TestWithParam<PlantedBug> {};

TEST_P(Planted, IsShownByItsShrunkPlanAndByItsOwnOracle) {
  const PlantedBug& bug = GetParam();
  const auto kept = kept_plan(bug.name);
  ASSERT_TRUE(kept.has_value()) << kept.error().to_string();
  ASSERT_TRUE(kept->failure.has_value()) << "a plan without its failure";
  EXPECT_EQ(kept->plan.planted, std::vector<std::string>{std::string(bug.name)});
  EXPECT_EQ(kept->plan.profile, "cluster");
  EXPECT_LE(kept->plan.faults.size(), kPlantedFaultsMax);
  EXPECT_TRUE(finds(bug, kept->failure->failure_class)) << kept->failure->failure_class.name();
  auto plan = plan_that_shows(bug, kept->plan);
  ASSERT_TRUE(plan.has_value()) << bug.name << " stays hidden: vectron-sim renew-planted "
                                << bug.name;
  RecordProperty("seed", std::to_string(plan->seed));
  plan->planted.clear();
  const auto without = run(*plan);
  EXPECT_FALSE(without.has_value()) << without->failure_class.name() << ": " << without->text;
}

INSTANTIATE_TEST_SUITE_P(Bugs, Planted, ::testing::ValuesIn(planted_bugs()),
                         [](const auto& info) { return std::string(info.param.name); });

/// What may still be in the folder after a bug was renamed.
TEST(PlantedPlans, BelongToABugEach) {
  for (const auto& entry : std::filesystem::directory_iterator(kPlansFolder)) {
    EXPECT_NE(find_planted_bug(entry.path().stem().string()), nullptr) << entry.path();
  }
}

}  // namespace
}  // namespace vectron::sim
