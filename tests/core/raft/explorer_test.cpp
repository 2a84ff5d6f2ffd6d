// Explores random schedules of the pure state machine: none may break a safety property, and each
// planted bug must show.
//
// VECTRON_EXPLORER_SCHEDULES raises the number of schedules (nightly runs), VECTRON_EXPLORER_SEED
// sets the first; a schedule that fails is told step by step.

#include "explorer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>

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
    EXPECT_FALSE(report.failure.has_value()) << *report.failure;
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

TEST(RaftExplorer, FindsNoViolationInAGroupOfFive) {
  const uint64_t count = schedules(4000);
  const auto begin = std::chrono::steady_clock::now();
  const ExplorerProbes probes = explore_all({}, count);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  RecordProperty("schedules_per_second",
                 static_cast<int>(static_cast<double>(count) / elapsed.count()));
  std::printf(
      "explorer: %.0f schedules/s, %.0f steps/s; per schedule: %.1f elections, %.1f commits, %.1f "
      "reads, "
      "%.2f crashes, %.2f snapshots, %.2f truncations\n",
      static_cast<double>(count) / elapsed.count(),
      static_cast<double>(probes.steps) / elapsed.count(),
      static_cast<double>(probes.elections) / static_cast<double>(count),
      static_cast<double>(probes.commits) / static_cast<double>(count),
      static_cast<double>(probes.reads_answered) / static_cast<double>(count),
      static_cast<double>(probes.crashes) / static_cast<double>(count),
      static_cast<double>(probes.snapshots_installed) / static_cast<double>(count),
      static_cast<double>(probes.conflicts_truncated) / static_cast<double>(count));
  // The schedules reach what they are made for.
  EXPECT_GT(probes.elections, count);
  EXPECT_GT(probes.commits, 3 * count);
  EXPECT_GT(probes.reads_answered, count / 2);
  EXPECT_GT(probes.crashes, count / 2);
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
        PlantedCase{"ack_before_quorum", {.ack_before_quorum = true}, 1000},
        PlantedCase{"read_index_without_quorum", {.read_index_without_quorum = true}, 5000},
        PlantedCase{"vote_twice", {.vote_twice = true}, 5000},
        PlantedCase{"vote_without_log_check", {.vote_without_log_check = true}, 5000},
        PlantedCase{"ack_before_persist", {.ack_before_persist = true}, 5000},
        PlantedCase{"truncate_on_any_append", {.truncate_on_any_append = true}, 20000},
        PlantedCase{
            "append_without_previous_check", {.append_without_previous_check = true}, 5000}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vectron::raft
