// What a forger puts into log entries can be read, and no state machine lets it in.
#include "sim/cluster/forged_command.h"

#include <gtest/gtest.h>

#include "services/placement/placement_state.h"
#include "services/worker/shard_state.h"
#include "sim/cluster/node_configs.h"
#include "sim/world/world.h"

namespace vectron::sim {
namespace {

PlanCollection collection_of(PlanDistance distance, uint32_t dimension, uint32_t shards) {
  PlanCollection collection;
  collection.distance = distance;
  collection.dimension = dimension;
  collection.shards = shards;
  return collection;
}

// Whoever forges does not know of which collection a group is.
TEST(ForgedCommand, OfAShardCanBeReadAndIsRefusedByEachCollection) {
  using enum PlanDistance;
  const std::vector<std::vector<PlanCollection>> plans = {
      {collection_of(cosine, 4, 3)},
      {collection_of(dot, 4, 3)},
      {collection_of(euclidean, 4, 1)},
      {collection_of(cosine, 1, 1), collection_of(dot, 2, 3)},
      {collection_of(dot, 3, 4), collection_of(cosine, 3, 1), collection_of(euclidean, 4, 2)}};
  SimWorld world(1, WorldConfig());
  SimNode& node = world.add_node("worker-0");
  node.start();
  for (const auto& collections : plans) {
    RandomStream random(3, "forged");
    for (int round = 0; round < 500; ++round) {
      const Bytes command = forged_shard_command(&random, collections);
      ASSERT_TRUE(decode<stored::ShardCommand>(command).has_value());
      for (const PlanCollection& collection : collections) {
        ShardOptions options;
        options.range = split_evenly(collection.shards).front();
        options.dimension = collection.dimension;
        options.distance = static_cast<Distance>(collection.distance);
        const ShardState state(&node.env(), options);
        const auto checked = state.check(command, kCommitBytesMax);
        ASSERT_FALSE(checked.has_value());
        EXPECT_EQ(checked.error().code(), Code::invalid_argument);
      }
    }
  }
}

TEST(ForgedCommand, ThatSharesAPayloadIsShorterThanWhatItWrites) {
  stored::ShardCommand command;
  for (uint64_t id = 0; id < 3; ++id) {
    command.operations.emplace_back();
    command.operations.back().id.number = id;
    command.operations.back().vectors.push_back({"", {1, 2}});
    command.operations.back().payload = Bytes(id == 0 ? 30'000 : 1, static_cast<uint8_t>(id));
  }
  const Bytes shared = share_first_payload(encode(command));
  EXPECT_LT(shared.size(), 31'000u);
  const auto read = decode<stored::ShardCommand>(shared);
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  for (const auto& operation : read->operations) EXPECT_EQ(operation.payload, Bytes(30'000, 0));
  SimWorld world(1, WorldConfig());
  SimNode& node = world.add_node("worker-0");
  node.start();
  ShardOptions options;
  options.dimension = 2;
  const ShardState state(&node.env(), options);
  EXPECT_EQ(state.check(shared, 80'000).error().field(), "operations");
  EXPECT_TRUE(state.check(shared, 100'000).has_value());
}

TEST(ForgedCommand, OfThePlacementDriverCanBeReadAndIsRefused) {
  const PlacementState state;
  RandomStream random(3, "forged");
  for (int round = 0; round < 500; ++round) {
    const Bytes command = forged_placement_command(&random);
    ASSERT_TRUE(decode<stored::PlacementCommand>(command).has_value());
    const auto checked = state.check(command, kCommitBytesMax);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().code(), Code::invalid_argument);
  }
}

}  // namespace
}  // namespace vectron::sim
