#include "services/worker/memory_budget.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

TEST(MemoryBudget, CountsWhatIsLetInUntilACountHasSeenIt) {
  MemoryBudget budget(1'000);
  budget.count({.vectors = 600}, 0);
  EXPECT_TRUE(budget.admit(300));
  EXPECT_FALSE(budget.admit(101));
  EXPECT_TRUE(budget.admit(100));
  // The next count may have come before the write was applied.
  budget.count({.vectors = 600}, 0);
  EXPECT_FALSE(budget.admit(1));
  budget.count({.vectors = 900}, 0);
  EXPECT_TRUE(budget.admit(100));
}

TEST(MemoryBudget, KeepsRoomForBuildingTheLargestIndexAnew) {
  MemoryBudget budget(1'000);
  budget.count({.vectors = 500}, 400);
  EXPECT_FALSE(budget.admit(101));
  EXPECT_TRUE(budget.fits(400));
  EXPECT_TRUE(budget.admit(100));
  EXPECT_TRUE(budget.fits(400));
  // What a rebuild has taken is not kept free once more.
  budget.count({.vectors = 500, .rebuild = 300}, 400);
  budget.count({.vectors = 500, .rebuild = 300}, 400);
  EXPECT_TRUE(budget.admit(100));
}

TEST(MemoryBudget, IsFullUntilASixteenthIsFree) {
  MemoryBudget budget(1'600);
  budget.count({.log = 1'600}, 0);
  EXPECT_FALSE(budget.full());
  budget.count({.log = 1'601}, 0);
  EXPECT_TRUE(budget.full());
  budget.count({.log = 1'501}, 0);
  EXPECT_TRUE(budget.full());
  EXPECT_FALSE(budget.admit(1));
  budget.count({.log = 1'500}, 0);
  EXPECT_FALSE(budget.full());
  EXPECT_TRUE(budget.admit(1));
}

TEST(MemoryBudget, SaysWhenToGiveBackAndWhenARebuildMustEnd) {
  MemoryBudget budget(800);
  budget.count({.overlay = 700}, 0);
  EXPECT_FALSE(budget.pressed());
  budget.count({.overlay = 600}, 101);
  EXPECT_TRUE(budget.pressed());
  EXPECT_FALSE(budget.exceeded());
  budget.count({.overlay = 801}, 0);
  EXPECT_TRUE(budget.exceeded());
}

TEST(MemoryBudget, WithoutABoundLetsEverythingIn) {
  MemoryBudget budget(0);
  budget.count({.vectors = uint64_t{1} << 60}, uint64_t{1} << 60);
  EXPECT_TRUE(budget.admit(uint64_t{1} << 60));
  EXPECT_FALSE(budget.pressed());
  EXPECT_FALSE(budget.full());
  EXPECT_FALSE(budget.exceeded());
  EXPECT_TRUE(budget.fits(uint64_t{1} << 60));
}

TEST(MemoryBudget, LetsOneRebuildGoOnAtATime) {
  MemoryBudget budget(0);
  EXPECT_TRUE(budget.begin_rebuild());
  EXPECT_FALSE(budget.begin_rebuild());
  budget.end_rebuild();
  EXPECT_TRUE(budget.begin_rebuild());
}

TEST(MemoryBudget, TellsWhatBytesAreFor) {
  MemoryBudget budget(5'000);
  budget.count({.log = 1, .overlay = 2, .vectors = 3, .rebuild = 4}, 0);
  EXPECT_EQ(budget.use().total(), 10u);
  Metrics metrics;
  budget.tell(&metrics);
  EXPECT_EQ(metrics.value(Metric::worker_memory_max), 5'000u);
  EXPECT_EQ(metrics.value(Metric::worker_memory_rebuild), 4u);
  budget.count({}, 0);
  budget.tell(&metrics);
  EXPECT_EQ(metrics.value(Metric::worker_memory_rebuild), 0u);
}

}  // namespace
}  // namespace vectron
