// A test of the tests: each planted bug is found by its own oracle, and the same seed passes
// without it.
#include "sim/oracle/planted_bugs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "sim/explore/explore.h"

namespace vectron::sim {
namespace {

constexpr uint64_t kSeedsMax = 300;  ///< A bug that stays hidden for so many seeds fails the test.
constexpr uint64_t kSeedsAtOnce = 2;

/// Where the search begins: the first seed that found the bug when this was written. Any other seed
/// will do as well.
uint64_t likely_seed(std::string_view bug) {
  constexpr std::pair<std::string_view, uint64_t> kFound[] = {{"ack_before_quorum", 1},
                                                              {"commit_old_term_by_count", 12},
                                                              {"wal_skip_sync", 1},
                                                              {"forget_tombstone", 1},
                                                              {"read_without_quorum", 1},
                                                              {"applied_index_apart", 3},
                                                              {"vote_twice", 13},
                                                              {"vote_without_log_check", 3},
                                                              {"append_without_previous_check", 3},
                                                              {"wal_lose_tail", 1}};
  for (const auto& [name, seed] : kFound) {
    if (name == bug) return seed;
  }
  return 1;
}

ExploreOptions options_of(uint64_t first_seed, uint64_t seeds, std::vector<std::string> planted) {
  ExploreOptions options;
  options.first_seed = first_seed;
  options.seeds = seeds;
  options.jobs = kSeedsAtOnce;
  options.generate.profile = "cluster";
  options.generate.planted = std::move(planted);
  return options;
}

ExploreSummary run(const ExploreOptions& options) {
  return explore(options, [&](uint64_t seed) { return run_generated_seed(options, seed); }, {});
}

class Planted : public ::testing::TestWithParam<PlantedBug> {};

TEST_P(Planted, IsFoundByItsOwnOracleAndIsNotThereWithoutIt) {
  const PlantedBug& bug = GetParam();
  std::optional<uint64_t> found;
  uint64_t tried = 0;
  for (; tried < kSeedsMax && !found.has_value(); tried += kSeedsAtOnce) {
    const uint64_t first = (likely_seed(bug.name) - 1 + tried) % kSeedsMax + 1;
    const ExploreSummary summary = run(options_of(first, kSeedsAtOnce, {std::string(bug.name)}));
    for (const SeedFailure& failure : summary.failures) {
      const bool own = std::ranges::find(bug.found_by, failure.failure.failure_class.oracle) !=
                       bug.found_by.end();
      if (own) found = failure.seed;
    }
  }
  ASSERT_TRUE(found.has_value()) << bug.name << " stayed hidden for " << tried << " seeds";
  std::printf("%s: found by seed %llu\n", std::string(bug.name).c_str(),
              static_cast<unsigned long long>(*found));
  RecordProperty("seed", std::to_string(*found));
  const ExploreSummary unplanted = run(options_of(*found, 1, {}));
  EXPECT_EQ(unplanted.passed, 1u) << summary_to_text(options_of(*found, 1, {}), unplanted);
}

INSTANTIATE_TEST_SUITE_P(Bugs, Planted, ::testing::ValuesIn(planted_bugs()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace vectron::sim
