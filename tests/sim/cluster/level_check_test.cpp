#include "sim/cluster/level_check.h"

#include <gtest/gtest.h>

namespace vectron::sim {
namespace {

TEST(LevelCheck, TakesABoundForWhatItIsAndObjectsToOneMore) {
  const LevelBounds bounds{.bytes_held = 100, .nodes_known = 20, .workers = 7};
  const std::pair<Metric, uint64_t> levels[] = {{Metric::rpc_bytes_held_peak, 100},
                                                {Metric::rpc_nodes_known, 20},
                                                {Metric::placement_workers, 7}};
  for (const auto& [metric, max] : levels) {
    Metrics metrics;
    EXPECT_EQ(level_above_bound(metrics, bounds), std::nullopt);
    metrics.set(metric, max);
    EXPECT_EQ(level_above_bound(metrics, bounds), std::nullopt) << metric_row(metric).name;
    metrics.set(metric, max + 1);
    const auto above = level_above_bound(metrics, bounds);
    ASSERT_TRUE(above.has_value()) << metric_row(metric).name;
    EXPECT_NE(above->find(metric_row(metric).name), std::string::npos) << *above;
    EXPECT_NE(above->find(std::to_string(max)), std::string::npos) << *above;
  }
}

// The bounds are those of the simulation's small nodes, not of production.
TEST(LevelCheck, KnowsWhatEachKindOfNodeMayHold) {
  const LevelBounds worker = level_bounds("cluster", ServiceId::worker, 3);
  const LevelBounds gateway = level_bounds("cluster", ServiceId::gateway, 3);
  const uint64_t unchecked = kConnectionsMax * (uint64_t{512} << 10);
  EXPECT_EQ(worker.bytes_held, (uint64_t{12} << 20) + unchecked);
  EXPECT_EQ(gateway.bytes_held, (uint64_t{3} << 20) + 2 * unchecked);
  EXPECT_EQ(worker.nodes_known, kSimulatedWorkersMax + 3);
  EXPECT_EQ(worker.workers, kSimulatedWorkersMax);
}

}  // namespace
}  // namespace vectron::sim
