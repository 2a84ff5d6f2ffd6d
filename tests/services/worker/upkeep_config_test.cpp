#include "services/worker/upkeep_config.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

CheckpointProgress busy(uint64_t changes, uint64_t points) {
  return {.changes = changes, .points = points, .since_change = 0s, .since_attempt = 3600s};
}

TEST(CheckpointIsDue, WhenEnoughChangedForTheSizeOfTheShard) {
  const UpkeepConfig config;  // 10,000 points and 10 %.
  EXPECT_FALSE(checkpoint_is_due(config, busy(9'999, 10'000)));
  EXPECT_TRUE(checkpoint_is_due(config, busy(10'000, 10'000)));
  EXPECT_FALSE(checkpoint_is_due(config, busy(50'000, 1'000'000)));
  EXPECT_TRUE(checkpoint_is_due(config, busy(100'000, 1'000'000)));
}

TEST(CheckpointIsDue, WhenAnythingChangedAndNothingMoreForAWhile) {
  const UpkeepConfig config;
  CheckpointProgress progress = busy(1, 1'000'000);
  progress.since_change = config.checkpoint_idle;
  EXPECT_TRUE(checkpoint_is_due(config, progress));
  progress.changes = 0;
  EXPECT_FALSE(checkpoint_is_due(config, progress));
}

TEST(CheckpointIsDue, NeverSoonAfterTheOneBefore) {
  const UpkeepConfig config;
  CheckpointProgress progress = busy(1'000'000, 10);
  progress.since_attempt = config.checkpoint_pause_min - 1ns;
  EXPECT_FALSE(checkpoint_is_due(config, progress));
}

TEST(MendIsDue, AtFirstOnceATenthIsNewOrNothingChangesAnyMore) {
  const UpkeepConfig config;
  const auto due = [&](uint64_t nodes, uint64_t nodes_mended, Duration since_change) {
    MendProgress progress;
    progress.nodes = nodes;
    progress.nodes_mended = nodes_mended;
    progress.since_change = since_change;
    return mend_is_due(config, progress);
  };
  EXPECT_FALSE(due(100'000, 90'001, 0s));
  EXPECT_TRUE(due(100'000, 90'000, 0s));
  EXPECT_FALSE(due(1'999, 1'000, 0s)) << "a few are not worth a look through";
  EXPECT_TRUE(due(1'001, 1'000, config.checkpoint_idle));
  EXPECT_FALSE(due(1'000, 1'000, config.checkpoint_idle)) << "nothing is new";
  EXPECT_TRUE(due(500, 0, 0s)) << "a small graph that was rebuilt, and is written all the time";
  EXPECT_FALSE(due(0, 0, config.checkpoint_idle));
}

TEST(RebuildIsDue, WhenTombstonesAreManyAndALargeShare) {
  const UpkeepConfig config;  // 10,000 and 30 %.
  EXPECT_FALSE(rebuild_is_due(config, 20'000, 9'999));
  EXPECT_TRUE(rebuild_is_due(config, 20'000, 10'000));
  EXPECT_FALSE(rebuild_is_due(config, 1'000'000, 299'999));
  EXPECT_TRUE(rebuild_is_due(config, 1'000'000, 300'000));
}

TEST(RebuildStep, ChangesPlacesOnceTheTailIsHardlyLongerThanBefore) {
  UpkeepConfig config;
  config.rebuild_slice_points = 32;
  RebuildProgress progress{.slots_before = 1'000, .slots = 1'100};
  progress.uncopied = 1;
  EXPECT_EQ(rebuild_step(config, progress), RebuildStep::go_on);
  progress.uncopied = 0;
  progress.unlinked = 33;
  EXPECT_EQ(rebuild_step(config, progress), RebuildStep::go_on);
  progress.unlinked = 32;
  EXPECT_EQ(rebuild_step(config, progress), RebuildStep::change_places);
  // When writes keep the old tail long too, waiting for a short one would never end.
  progress.unlinked = 5'032;
  progress.old_unlinked = 5'000;
  EXPECT_EQ(rebuild_step(config, progress), RebuildStep::change_places);
}

TEST(RebuildIsWorthwhile, WhenAnEighthOfTheSlotsComesBack) {
  EXPECT_FALSE(rebuild_is_worthwhile(800, 99));
  EXPECT_TRUE(rebuild_is_worthwhile(800, 100));
  EXPECT_FALSE(rebuild_is_worthwhile(0, 0));
}

TEST(RebuildStep, GivesUpWhenWritesOutrunIt) {
  UpkeepConfig config;
  config.rebuild_tombstones_min = 100;
  config.rebuild_growth_ppm_max = 500'000;
  RebuildProgress progress{.slots_before = 1'000, .slots = 1'499, .uncopied = 200};
  EXPECT_EQ(rebuild_step(config, progress), RebuildStep::go_on);
  progress.slots = 1'500;
  EXPECT_EQ(rebuild_step(config, progress), RebuildStep::give_up);
  // A small index doubles quickly, and is built quickly.
  progress = {.slots_before = 60, .slots = 159, .uncopied = 20};
  EXPECT_EQ(rebuild_step(config, progress), RebuildStep::go_on);
}

TEST(UpkeepConfig, NamesTheFieldThatIsWrong) {
  const auto field = [](auto change) {
    UpkeepConfig config;
    change(config);
    const auto valid = config.validate();
    return valid.has_value() ? std::string() : std::string(valid.error().field());
  };
  EXPECT_EQ(field([](auto&) {}), "");
  EXPECT_EQ(field([](auto& c) { c.check_interval = 0s; }), "check_interval");
  EXPECT_EQ(field([](auto& c) { c.rebuild_tombstones_ppm = 0; }), "rebuild_tombstones_ppm");
  EXPECT_EQ(field([](auto& c) { c.checkpoint_bytes_per_second_max = 0; }),
            "checkpoint_bytes_per_second_max");
}

}  // namespace
}  // namespace vectron
