#include "core/index/graph_walk.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <set>
#include <thread>

// Without its own SIMD kernels, whose helpers would be defined again in every file that includes
// it.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

#include "tests/core/index/points.h"

namespace vectron::index {
namespace {

using testing::brute_force;
using testing::clustered_vectors;
using testing::recall;
using testing::Vector;

constexpr uint32_t kDimension = 24;

// A graph over vectors that are all stored; tests decide what is linked and what is dead.
struct World {
  explicit World(std::vector<Vector> points, GraphOptions options = {})
      : vectors(std::move(points)),
        store(static_cast<uint32_t>(vectors[0].size())),
        graph(store, distance_function(Metric::euclidean), options) {
    for (const Vector& vector : vectors) tombstones.append(store.append(vector));
  }

  void add_all() {
    for (Slot slot = 0; slot < store.count(); ++slot) graph.add(slot);
  }
  Cut cut() const { return {.slots = store.count(), .removals = tombstones.count()}; }
  std::vector<Slot> live() const {
    std::vector<Slot> slots;
    for (Slot slot = 0; slot < store.count(); ++slot) {
      if (tombstones.live_now(slot)) slots.push_back(slot);
    }
    return slots;
  }
  std::vector<Slot> search(const Vector& query, size_t ef, size_t k) const {
    TopK best(k);
    EXPECT_TRUE(graph.search(scorer(query), {.ef = ef}, LiveAt(tombstones, cut()), &best));
    std::vector<Slot> slots;
    for (const NeighborKey key : best.take()) slots.push_back(slot_of(key));
    return slots;
  }
  Float32Scorer scorer(const Vector& query) const {
    return {store, distance_function(Metric::euclidean), query.data()};
  }
  double mean_recall(const std::vector<Vector>& queries, size_t ef) const {
    double sum = 0;
    const std::vector<Slot> candidates = live();
    for (const Vector& query : queries) {
      sum += recall(search(query, ef, 10),
                    brute_force(Metric::euclidean, vectors, candidates, query), 10);
    }
    return sum / static_cast<double>(queries.size());
  }

  const std::vector<Vector> vectors;
  VectorStore store;
  Tombstones tombstones;
  Graph graph;
};

TEST(Graph, FindsTheNeighborsThatBruteForceFinds) {
  World world(clustered_vectors("points", kDimension, 4'000));
  world.add_all();
  const auto queries = clustered_vectors("queries", kDimension, 100);
  EXPECT_GE(world.mean_recall(queries, 100), 0.99);
  EXPECT_GE(world.mean_recall(queries, 20), 0.85);
}

TEST(Graph, KeepsItsRecallWhenMostNodesAreDead) {
  World world(clustered_vectors("points", kDimension, 4'000));
  world.add_all();
  for (Slot slot = 0; slot < world.store.count(); ++slot) {
    if (slot % 10 != 0) world.tombstones.remove(slot);
  }
  const auto queries = clustered_vectors("queries", kDimension, 100);
  EXPECT_GE(world.mean_recall(queries, 50), 0.99);
}

uint64_t compared = 0;
float counted_distance(const float* left, const float* right, size_t dimension) {
  ++compared;
  return distance_function(Metric::euclidean)(left, right, dimension);
}

TEST(Graph, ComparesLittleMoreThanItMayBeforeItGivesUp) {
  VectorStore store(kDimension);
  Tombstones tombstones;
  Graph graph(store, counted_distance, {});
  const auto vectors = clustered_vectors("points", kDimension, 3'000);
  for (const Vector& vector : vectors) {
    const Slot slot = store.append(vector);
    tombstones.append(slot);
    graph.add(slot);
  }
  for (Slot slot = 0; slot < 2'950; ++slot) tombstones.remove(slot);
  const Cut cut{.slots = store.count(), .removals = tombstones.count()};
  TopK best(10);
  compared = 0;
  const Float32Scorer scorer(store, counted_distance, vectors[0].data());
  EXPECT_FALSE(
      graph.search(scorer, {.ef = 10, .evaluations_max = 200}, LiveAt(tombstones, cut), &best));
  EXPECT_LT(compared, 400u);
}

TEST(Graph, KeepsItsRecallWhenAWholeRegionDied) {
  World world(clustered_vectors("points", kDimension, 3'000));
  world.add_all();
  const Vector& query = world.vectors[17];
  const auto nearest = brute_force(Metric::euclidean, world.vectors, world.live(), query);
  for (size_t i = 0; i < 1'000; ++i) world.tombstones.remove(nearest[i].slot);
  const std::vector<Slot> found = world.search(query, 50, 10);
  ASSERT_EQ(found.size(), 10u);
  EXPECT_GE(recall(found, {nearest.begin() + 1'000, nearest.end()}, 10), 0.9);
}

TEST(Graph, ReturnsOnlyWhatLivesBelowTheCut) {
  World world(clustered_vectors("points", kDimension, 500));
  world.add_all();
  for (Slot slot = 0; slot < 500; slot += 2) world.tombstones.remove(slot);
  const Cut cut{.slots = 300, .removals = 100};
  TopK best(500);
  ASSERT_TRUE(world.graph.search(world.scorer(world.vectors[0]), {.ef = 500},
                                 LiveAt(world.tombstones, cut), &best));
  std::set<Slot> slots;
  for (const NeighborKey key : best.take()) slots.insert(slot_of(key));
  std::set<Slot> expected;
  for (Slot slot = 0; slot < 300; ++slot) {
    if (slot >= 200 || slot % 2 == 1) expected.insert(slot);
  }
  EXPECT_EQ(slots, expected);
}

TEST(Graph, IsTheSameForTheSameSequence) {
  const auto points = clustered_vectors("points", kDimension, 1'500);
  World first(points);
  World second(points);
  first.add_all();
  second.add_all();
  EXPECT_EQ(first.graph.digest(1'500), second.graph.digest(1'500));
  const Vector& query = points[3];
  EXPECT_EQ(first.search(query, 40, 10), second.search(query, 40, 10));
}

TEST(Graph, IsTheSameOnEverySimdTarget) {
  const auto points = clustered_vectors("points", kDimension, 600);
  std::set<uint64_t> digests;
  for (const std::string& target : simd_targets()) {
    select_simd_target(target);
    World world(points);
    world.add_all();
    digests.insert(world.graph.digest(600));
  }
  select_simd_target({});
  EXPECT_EQ(digests.size(), 1u);
}

TEST(Graph, AnswersFromSmallAndDegenerateGraphs) {
  World empty({Vector(kDimension, 1.0f)});
  EXPECT_TRUE(empty.search(empty.vectors[0], 10, 10).empty());
  World equal(std::vector<Vector>(300, Vector(kDimension, 1.0f)));
  equal.add_all();
  EXPECT_EQ(equal.search(equal.vectors[0], 10, 10).size(), 10u);
  World one_dimension(clustered_vectors("line", 1, 300), {.m = 2, .ef_construction = 1});
  one_dimension.add_all();
  EXPECT_FALSE(one_dimension.search(one_dimension.vectors[0], 10, 10).empty());
}

TEST(Graph, ListsAreBoundedAndStayOnTheirLevel) {
  constexpr uint32_t kM = 5;
  World world(clustered_vectors("points", kDimension, 2'000), {.m = kM, .ef_construction = 40});
  world.add_all();
  for (Slot slot = 0; slot < 2'000; ++slot) {
    for (int level = 0; level <= level_of(slot, kM); ++level) {
      const std::vector<Slot> links = world.graph.links(slot, level);
      ASSERT_LE(links.size(), level == 0 ? 2 * kM : kM);
      ASSERT_EQ(std::set(links.begin(), links.end()).size(), links.size());
      for (const Slot neighbor : links) {
        ASSERT_NE(neighbor, slot);
        ASSERT_GE(level_of(neighbor, kM), level);
      }
    }
  }
}

TEST(Graph, LevelsThinOutByM) {
  std::vector<int> at_least(kLevelMax + 1);
  for (Slot slot = 0; slot < 100'000; ++slot) {
    for (int level = 0; level <= level_of(slot, 16); ++level) ++at_least[level];
  }
  EXPECT_EQ(at_least[0], 100'000);
  EXPECT_NEAR(at_least[1], 100'000.0 / 16, 400);
  EXPECT_NEAR(at_least[2], 100'000.0 / 256, 100);
  EXPECT_EQ(level_of(0, 16), level_of(0, 16));
}

// Copies our links into hnswlib's structure and lets its own search walk over them: an independent
// twin.
std::vector<Slot> hnswlib_search(const World& world, uint32_t m, const Vector& query, size_t ef,
                                 size_t k) {
  const Slot count = world.store.count();
  hnswlib::L2Space space(kDimension);
  hnswlib::HierarchicalNSW<float> twin(&space, count, m);
  twin.cur_element_count = count;
  twin.enterpoint_node_ = world.graph.entry_point().slot;
  twin.maxlevel_ = world.graph.entry_point().level;
  for (Slot slot = 0; slot < count; ++slot) {
    const int levels = level_of(slot, m);
    twin.element_levels_[slot] = levels;
    if (levels > 0) {
      twin.linkLists_[slot] = static_cast<char*>(std::calloc(levels, twin.size_links_per_element_));
    }
    for (int level = 0; level <= levels; ++level) {
      const std::vector<Slot> links = world.graph.links(slot, level);
      hnswlib::linklistsizeint* list = twin.get_linklist_at_level(slot, level);
      *list = static_cast<hnswlib::linklistsizeint>(links.size());
      std::ranges::copy(links, list + 1);
    }
    std::ranges::copy(world.vectors[slot],
                      reinterpret_cast<float*>(twin.getDataByInternalId(slot)));
    twin.setExternalLabel(slot, slot);
  }
  twin.setEf(ef);
  std::vector<Slot> slots;
  for (auto heap = twin.searchKnn(query.data(), k); !heap.empty(); heap.pop()) {
    slots.push_back(static_cast<Slot>(heap.top().second));
  }
  std::ranges::reverse(slots);
  return slots;
}

TEST(Graph, WalksAsHnswlibWalksOverTheSameLinks) {
  constexpr uint32_t kM = 6;
  World world(clustered_vectors("points", kDimension, 1'000), {.m = kM, .ef_construction = 50});
  world.add_all();
  for (const Vector& query : clustered_vectors("queries", kDimension, 20)) {
    EXPECT_EQ(world.search(query, 25, 10), hnswlib_search(world, kM, query, 25, 10));
  }
}

TEST(Graph, StaysSearchableWhileManyThreadsAddAndSearch) {
  constexpr Slot kCount = 2'000;
  World world(clustered_vectors("points", kDimension, kCount), {.m = 8, .ef_construction = 40});
  std::atomic<Slot> next = 0;
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      for (Slot slot = next++; slot < kCount; slot = next++) world.graph.add(slot);
    });
  }
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (!done) {
        const bool had_nodes = world.graph.entry_point().level >= 0;
        const auto found = world.search(world.vectors[5], 20, 10);
        EXPECT_EQ(found.empty() && had_nodes, false);
      }
    });
  }
  for (int i = 0; i < 3; ++i) threads[i].join();
  done = true;
  for (int i = 3; i < 5; ++i) threads[i].join();
  EXPECT_EQ(world.graph.nodes(), kCount);
  EXPECT_GE(world.mean_recall(clustered_vectors("queries", kDimension, 50), 100), 0.93);
}

}  // namespace
}  // namespace vectron::index
