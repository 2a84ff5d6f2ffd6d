#include "core/index/graph_mender.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "core/index/graph_image.h"
#include "tests/core/index/points.h"

namespace vectron::index {
namespace {

using testing::random_vector;

constexpr uint32_t kM = 2;

/// A graph with just these links on level 0, none above.
struct World {
  World(const std::vector<std::set<Slot>>& links, RandomStream& random)
      : store(3), graph(store, distance_function(Metric::euclidean), {.m = kM}) {
    const auto end = static_cast<Slot>(links.size());
    for (Slot slot = 0; slot < end; ++slot) store.append(random_vector(random, 3));
    graph.reserve(end);
    for (Slot slot = 0; slot < end; ++slot) {
      Bytes bytes;
      ByteWriter writer(bytes);
      const int level = level_of(slot, kM);
      writer.put(static_cast<uint8_t>(level + 1));
      writer.put(static_cast<uint16_t>(links[slot].size()));
      for (const Slot neighbor : links[slot]) writer.put(neighbor);
      for (int l = 1; l <= level; ++l) writer.put(uint16_t{0});
      ByteReader reader(bytes);
      EXPECT_TRUE(graph.import_node(slot, end, &reader).value());
    }
    graph.choose_entry_point(end, [](Slot) { return false; });
  }
  /// Nodes that no way leads from to the entry point.
  size_t trapped() const {
    std::set<Slot> leads{graph.entry_point().slot};
    for (size_t before = 0; before != leads.size();) {
      before = leads.size();
      for (Slot slot = 0; slot < store.count(); ++slot) {
        for (const Slot neighbor : graph.links(slot, 0)) {
          if (leads.contains(neighbor)) leads.insert(slot);
        }
      }
    }
    return store.count() - leads.size();
  }

  VectorStore store;
  Graph graph;
};

uint64_t mend(World* world, uint64_t evaluations_max) {
  GraphMender mender(&world->graph, world->store.count());
  while (!mender.mend_some(evaluations_max)) continue;
  return mender.mended();
}

// 0 <-> 1, and a node that leads there and to which nothing leads, and two that lead to each other.
TEST(GraphMender, CountsWhatNothingLeadsToAndChangesNothing) {
  RandomStream random(5, "count");
  const std::vector<std::set<Slot>> links = {{1}, {0}, {0}, {4}, {3}};
  World world(links, random);
  const uint64_t before = world.graph.digest(5);
  GraphMender counter(&world.graph, 5, GraphMender::Purpose::count);
  while (!counter.mend_some(1)) continue;
  EXPECT_EQ(counter.unreachable(), unreachable_nodes(world.graph, 5));
  EXPECT_GE(counter.unreachable(), 2u);
  EXPECT_EQ(counter.mended(), 0u);
  EXPECT_EQ(world.graph.digest(5), before);
  GraphMender mender(&world.graph, 5);
  while (!mender.mend_some(1)) continue;
  EXPECT_EQ(mender.unreachable(), unreachable_nodes(world.graph, 5));
  EXPECT_EQ(mender.unreachable(), 0u);
}

TEST(GraphMender, LeadsToAndFromEveryNodeOfAnyGraph) {
  EXPECT_TRUE(rc::check([](uint64_t seed) {
    RandomStream random(seed, "links");
    const auto count = static_cast<Slot>(2 + random.below(60));
    std::vector<std::set<Slot>> links(count);
    for (Slot slot = 0; slot < count; ++slot) {
      const uint64_t degree = 1 + random.below(2 * kM);
      // Some graphs fall into parts that do not know one another.
      const Slot reach = random.below(2) == 0 ? count : 4;
      for (uint64_t i = 0; i < degree; ++i) {
        const auto neighbor = static_cast<Slot>(slot / reach * reach + random.below(reach));
        if (neighbor != slot && neighbor < count) links[slot].insert(neighbor);
      }
      if (links[slot].empty()) links[slot].insert(slot == 0 ? 1 : 0);
    }
    World world(links, random);
    mend(&world, 1 + random.below(50));
    RC_ASSERT(unreachable_nodes(world.graph, count) == 0u);
    RC_ASSERT(world.trapped() == 0u);
  }));
}

TEST(GraphMender, ChangesNothingWhereNothingIsLost) {
  RandomStream random(3, "ring");
  std::vector<std::set<Slot>> ring;
  for (Slot slot = 0; slot < 50; ++slot) ring.push_back({(slot + 1) % 50, (slot + 7) % 50});
  World world(ring, random);
  const uint64_t before = world.graph.digest(50);
  GraphMender mender(&world.graph, 50);
  while (!mender.mend_some(10)) continue;
  EXPECT_EQ(mender.mended(), 0u);
  EXPECT_EQ(world.graph.digest(50), before);
}

TEST(GraphMender, CountsWhatNothingLeadsTo) {
  RandomStream random(3, "islands");
  std::vector<std::set<Slot>> islands;
  for (Slot slot = 0; slot < 40; ++slot) islands.push_back({slot / 10 * 10 + (slot + 1) % 10});
  World world(islands, random);
  EXPECT_EQ(unreachable_nodes(world.graph, 40), 30u);
  // A link into each island, and one out of it: whoever got there gets around.
  EXPECT_LE(mend(&world, 1'000), 6u);
  EXPECT_EQ(unreachable_nodes(world.graph, 40), 0u);
}

TEST(GraphMender, LooksAtFewSlotsInAPieceWhereNothingIsWrong) {
  constexpr Slot kSlots = 20'000;
  RandomStream random(3, "ring");
  std::vector<std::set<Slot>> ring;
  for (Slot slot = 0; slot < kSlots; ++slot) ring.push_back({(slot + 1) % kSlots});
  World world(ring, random);
  GraphMender mender(&world.graph, kSlots);
  int pieces = 1;
  while (!mender.mend_some(100)) ++pieces;
  // It reads each list once, and then goes over all slots three times at least: for those that
  // were not reached, and for those that do not lead back.
  EXPECT_GE(pieces, static_cast<int>((kSlots + 3 * kSlots / 16) / 100));
}

TEST(GraphMender, HasNothingToDoInAnEmptyGraph) {
  VectorStore store(1);
  Graph graph(store, distance_function(Metric::euclidean), {});
  EXPECT_TRUE(GraphMender(&graph, 0).mend_some(1));
  EXPECT_EQ(unreachable_nodes(graph, 0), 0u);
}

}  // namespace
}  // namespace vectron::index
