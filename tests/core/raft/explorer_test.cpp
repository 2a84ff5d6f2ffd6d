// Explores random schedules of the pure state machine: none may break a safety property, and each
// planted bug must show.
//
// VECTRON_EXPLORER_SCHEDULES raises the number of schedules (nightly runs), VECTRON_EXPLORER_SEED
// sets the first; a schedule that fails is told step by step.

#include "explorer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

namespace vectron::raft {
namespace {

uint64_t schedules(uint64_t fallback) {
  const char* text = std::getenv("VECTRON_EXPLORER_SCHEDULES");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

uint64_t first_seed() {
  const char* text = std::getenv("VECTRON_EXPLORER_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

ExplorerProbes explore_all(ExplorerOptions options, uint64_t count) {
  ExplorerProbes probes;
  for (uint64_t seed = first_seed(); seed < first_seed() + count; ++seed) {
    options.seed = seed;
    const ExplorerReport report = Explorer(options).run();
    EXPECT_EQ(report.failure.value_or("none"), "none");
    if (report.failure) {
      options.trace = true;
      for (const std::string& line : Explorer(options).run().trace)
        std::printf("%s\n", line.c_str());
      break;
    }
    probes.add(report.probes);
  }
  return probes;
}

void print_probes(const ExplorerProbes& probes, double count, double cpu_seconds) {
  const auto each = [count](uint64_t total) { return static_cast<double>(total) / count; };
  std::printf("explorer: %.0f schedules and %.0f steps a second of CPU\n", count / cpu_seconds,
              static_cast<double>(probes.steps) / cpu_seconds);
  std::printf(
      "a schedule: %.0f steps, %.1f elections, %.1f commits, %.1f reads, %.1f crashes, %.2f "
      "snapshots, %.2f truncations\n",
      each(probes.steps), each(probes.elections), each(probes.commits), each(probes.reads_answered),
      each(probes.crashes), each(probes.snapshots_installed), each(probes.conflicts_truncated));
}

TEST(RaftExplorer, FindsNoViolationInAGroupOfFive) {
  const uint64_t count = schedules(4000);
  const std::clock_t begin = std::clock();
  const ExplorerProbes probes = explore_all({}, count);
  const double cpu_seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  print_probes(probes, static_cast<double>(count), cpu_seconds);
  // The schedules reach what they are made for.
  EXPECT_GT(probes.elections, count);
  EXPECT_GT(probes.commits, 3 * count);
  EXPECT_GT(probes.reads_answered, count / 2);
  EXPECT_GT(probes.crashes, count / 2);
  EXPECT_GT(probes.transfers, count / 20);
  EXPECT_GT(probes.proposals, probes.commits / 2);
  EXPECT_GT(probes.batches_lost, count / 10);
  EXPECT_GT(probes.snapshots_installed, count / 20);
  EXPECT_GT(probes.conflicts_truncated, count / 20);
  EXPECT_GT(probes.messages_repeated, count);
}

TEST(RaftExplorer, FindsNoViolationInAGroupOfThreeWithTwoLearners) {
  const ExplorerProbes probes =
      explore_all({.voters = 3, .learners = 2, .steps = 400}, schedules(1000));
  EXPECT_GT(probes.snapshots_installed, 0u);
}

TEST(RaftExplorer, FindsNoViolationInAGroupOfOne) {
  const ExplorerProbes probes = explore_all({.voters = 1, .steps = 300}, schedules(500));
  EXPECT_GT(probes.commits, 500u);
}

TEST(RaftExplorer, FindsNoViolationInAGroupOfTwoAndOfFour) {
  explore_all({.voters = 2, .steps = 300}, schedules(500));
  explore_all({.voters = 4, .steps = 300}, schedules(500));
}

TEST(RaftExplorer, ServesAgainWhenFaultsStop) {
  explore_all({.steps = 400, .check_liveness = true}, schedules(500));
  explore_all({.voters = 3, .learners = 1, .steps = 400, .check_liveness = true}, schedules(500));
}

TEST(RaftExplorer, RepeatsAScheduleExactly) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const uint64_t first = Explorer({.seed = seed}).run().trace_hash;
    EXPECT_EQ(first, Explorer({.seed = seed}).run().trace_hash);
    EXPECT_NE(first, Explorer({.seed = seed + 1000}).run().trace_hash);
  }
}

struct PlantedCase {
  const char* name;
  Planted planted;
  uint64_t schedules_max;
};

class RaftExplorerPlanted : public testing::TestWithParam<PlantedCase> {};

TEST_P(RaftExplorerPlanted, IsFound) {
  const PlantedCase& bug = GetParam();
  for (uint64_t seed = 1; seed <= bug.schedules_max; ++seed) {
    const ExplorerReport report = Explorer({.seed = seed, .planted = bug.planted}).run();
    if (!report.failure) continue;
    std::printf("%s: found in schedule %llu: %s\n", bug.name, static_cast<unsigned long long>(seed),
                report.failure->c_str());
    RecordProperty("schedules", static_cast<int>(seed));
    return;
  }
  FAIL() << bug.name << " was not found in " << bug.schedules_max << " schedules";
}

INSTANTIATE_TEST_SUITE_P(
    Bugs, RaftExplorerPlanted,
    testing::Values(
        PlantedCase{"commit_old_term_by_count", {.commit_old_term_by_count = true}, 20000},
        PlantedCase{"commit_old_term_by_count_and_skip_noop",
                    {.commit_old_term_by_count = true, .skip_noop = true},
                    2000},
        PlantedCase{"ack_before_quorum", {.ack_before_quorum = true}, 1000},
        PlantedCase{"read_index_without_quorum", {.read_index_without_quorum = true}, 5000},
        PlantedCase{"vote_twice", {.vote_twice = true}, 5000},
        PlantedCase{"vote_without_log_check", {.vote_without_log_check = true}, 5000},
        PlantedCase{"ack_before_persist", {.ack_before_persist = true}, 5000},
        PlantedCase{"campaign_before_persist", {.campaign_before_persist = true}, 20000},
        PlantedCase{"read_joins_older_round", {.read_joins_older_round = true}, 20000},
        PlantedCase{"truncate_on_any_append", {.truncate_on_any_append = true}, 20000},
        PlantedCase{
            "append_without_previous_check", {.append_without_previous_check = true}, 5000}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vectron::raft
