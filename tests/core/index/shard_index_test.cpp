#include "core/index/shard_index.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "tests/core/index/points.h"

namespace vectron::index {
namespace {

using testing::brute_force;
using testing::clustered_vectors;
using testing::recall;
using testing::Vector;

constexpr ShardIndexOptions kSmall = {
    .metric = Metric::euclidean, .dimension = 8, .m = 4, .ef_construction = 20};

std::vector<Slot> slots_of(const std::vector<Hit>& hits, size_t k) {
  std::vector<Slot> slots;
  for (size_t i = 0; i < std::min(k, hits.size()); ++i) slots.push_back(hits[i].slot);
  return slots;
}

TEST(ShardIndexOptions, NamesTheFieldThatIsWrong) {
  const auto field = [](ShardIndexOptions options) { return options.validate().error().field(); };
  EXPECT_TRUE(kSmall.validate().has_value());
  EXPECT_EQ(field({.dimension = 0}), "dimension");
  EXPECT_EQ(field({.dimension = kDimensionMax + 1}), "dimension");
  EXPECT_EQ(field({.dimension = 8, .m = 1}), "m");
  EXPECT_EQ(field({.dimension = 8, .ef_construction = 0}), "ef_construction");
}

TEST(ShardIndex, FindsAVectorTheMomentItIsAppended) {
  ShardIndex index(kSmall);
  const auto vectors = clustered_vectors("points", 8, 50);
  for (const Vector& vector : vectors) {
    const Slot slot = index.append(vector);
    const std::vector<Hit> hits = index.search(index.cut(), vector, {.k = 1});
    ASSERT_EQ(hits[0], (Hit{.slot = slot, .distance = 0, .from_tail = true}));
    if (slot % 7 == 0) index.index_some(5);
  }
}

TEST(ShardIndex, LosesAVectorTheMomentItIsRemoved) {
  ShardIndex index(kSmall);
  const auto vectors = clustered_vectors("points", 8, 60);
  for (const Vector& vector : vectors) index.append(vector);
  index.index_some(30);
  for (Slot slot = 0; slot < 60; ++slot) {
    const Cut before = index.cut();
    index.remove(slot);
    const auto now = slots_of(index.search(index.cut(), vectors[slot], {.k = 60}), 60);
    EXPECT_FALSE(std::ranges::count(now, slot) != 0);
    EXPECT_EQ(now.size(), 59 - slot);
    EXPECT_EQ(index.search(before, vectors[slot], {.k = 1})[0].slot, slot);
  }
}

// Memory of the graph is made by segments, and one whose slots died before their turn is missing.
// (That the destructor still finds the lists behind it, the leak checker says.)
TEST(ShardIndex, LinksBehindAGapOfSlotsThatDiedBeforeTheirTurn) {
  ShardIndex index(kSmall);
  const auto vectors = clustered_vectors("points", 8, 600);
  for (const Vector& vector : vectors) index.append(vector);
  for (Slot slot = 0; slot < 300; ++slot) index.remove(slot);
  while (index.index_some(50) > 0) continue;
  EXPECT_EQ(index.graph_end(), 600u);
  const auto hits = index.search(index.cut(), vectors[450], {.k = 400});
  EXPECT_EQ(hits.size(), 300u);
  EXPECT_EQ(hits[0].slot, 450u);
}

TEST(ShardIndex, KeepsRecallThroughReinsertsDeletesAndGrowth) {
  constexpr uint32_t kDimension = 16;
  ShardIndex index({.metric = Metric::cosine, .dimension = kDimension});
  const auto vectors = clustered_vectors("points", kDimension, 6'000);
  std::vector<Slot> live;
  RandomStream random(3, "churn");
  for (const Vector& vector : vectors) {
    live.push_back(index.append(vector));
    if (live.size() > 500 && random.below(2) == 0) {
      const size_t victim = random.below(live.size());
      index.remove(live[victim]);
      live.erase(live.begin() + static_cast<ptrdiff_t>(victim));
    }
    if (random.below(50) == 0) index.index_some(60);
  }
  while (index.index_some(1'000) != 0) {
  }
  double sum = 0;
  const auto queries = clustered_vectors("queries", kDimension, 100);
  for (const Vector& query : queries) {
    const auto found = slots_of(index.search(index.cut(), query, {.k = 10, .ef = 64}), 10);
    sum += recall(found, brute_force(Metric::cosine, vectors, live, query), 10);
  }
  EXPECT_GE(sum / 100, 0.99);
}

TEST(ShardIndex, ReturnsKLiveHitsEvenWhereTheGraphDoesNotLeadToThem) {
  ShardIndex index({.metric = Metric::euclidean, .dimension = 2, .m = 2, .ef_construction = 1});
  const Vector here = {0.0f, 0.0f};
  for (int i = 0; i < 400; ++i)
    index.append(i % 2 == 0 ? here : Vector{static_cast<float>(i), 1.0f});
  while (index.index_some(64) != 0) {
  }
  for (Slot slot = 0; slot < 400; ++slot) {
    if (slot % 8 != 3) index.remove(slot);
  }
  EXPECT_EQ(index.search(index.cut(), here, {.k = 50, .ef = 1}).size(), 50u);
  EXPECT_EQ(index.search(index.cut(), here, {.k = 100, .ef = 1}).size(), 50u);
}

// However many are equally near, and whether the graph knows them or not.
TEST(ShardIndex, SettlesAnyNumberOfTiesByTheOrderThatItIsGiven) {
  struct LastFirst final : TieOrder {
    bool before(Slot a, Slot b) const override { return a > b; }
  };
  const LastFirst last_first;
  ShardIndex index({.metric = Metric::euclidean, .dimension = 1});
  for (int i = 0; i < 5'000; ++i) index.append(Vector{i % 2 == 0 ? 0.0f : 1.0f});
  for (const uint32_t linked : {0, 3'000, 2'000}) {
    index.index_some(linked);
    for (const bool exact : {true, false}) {
      const SearchOptions options{.k = 3, .exact = exact, .ties = &last_first};
      EXPECT_EQ(slots_of(index.search(index.cut(), Vector{0.0f}, options), 3),
                (std::vector<Slot>{4'998, 4'996, 4'994}));
    }
    EXPECT_EQ(slots_of(index.search(index.cut(), Vector{0.0f}, {.k = 3}), 3),
              (std::vector<Slot>{0, 2, 4}));
  }
}

// 90 % of a region are dead: a walk that begins there crosses all of them.
TEST(ShardIndex, GivesUpWhenASearchTakesMoreThanItMay) {
  ShardIndex index(kSmall);
  const auto vectors = clustered_vectors("points", 8, 2'000);
  for (const Vector& vector : vectors) index.append(vector);
  while (index.index_some(500) > 0) continue;
  const uint64_t usual = index.search_cost(index.cut(), {.ef = 20}).walked;
  EXPECT_TRUE(index.try_search(index.cut(), vectors[0], {.ef = 20}, 3 * usual).has_value());
  for (Slot slot = 0; slot < 1'900; ++slot) index.remove(slot);
  EXPECT_FALSE(index.try_search(index.cut(), vectors[0], {.ef = 20}, usual).has_value());
  const SearchCost most = index.search_cost_max(index.cut(), {.ef = 20});
  EXPECT_EQ(most.walked, 2'000u);
  const auto hits = index.try_search(index.cut(), vectors[0], {.ef = 20}, 2 * most.walked);
  ASSERT_TRUE(hits.has_value());
  EXPECT_EQ(*hits, index.search(index.cut(), vectors[0], {.ef = 20}));
  EXPECT_FALSE(index.try_search(index.cut(), vectors[0], {.exact = true}, 1'999).has_value());
}

// Whoever accounts for a search needs what it did, not what was expected of it.
TEST(ShardIndex, TellsWhatASearchTook) {
  ShardIndex index(kSmall);
  const auto vectors = clustered_vectors("points", 8, 2'000);
  for (const Vector& vector : vectors) index.append(vector);
  index.index_some(1'900);
  SearchCost living;
  index.search(index.cut(), vectors[0], {.ef = 20, .spent = &living});
  EXPECT_GE(living.walked, 20u);
  EXPECT_EQ(living.scanned, 100u);
  SearchCost exact;
  index.search(index.cut(), vectors[0], {.exact = true, .spent = &exact});
  EXPECT_EQ(exact, (SearchCost{.walked = 0, .scanned = 2'000}));

  for (Slot slot = 0; slot < 1'800; ++slot) index.remove(slot);
  SearchCost gave_up;
  const uint64_t usual = index.search_cost(index.cut(), {.ef = 20}).walked;
  EXPECT_FALSE(
      index.try_search(index.cut(), vectors[0], {.ef = 20, .spent = &gave_up}, usual).has_value());
  EXPECT_GT(gave_up.walked, usual);
  EXPECT_LT(gave_up.walked, usual + 100) << "one list more than it may";
  SearchCost crossed;
  index.search(index.cut(), vectors[0], {.ef = 20, .spent = &crossed});
  EXPECT_GE(crossed.walked, gave_up.walked) << "the dead on its way";
}

// What the graph does not lead to is compared one by one.
TEST(ShardIndex, TellsThatASearchComparedAll) {
  ShardIndex index(kSmall);
  const auto vectors = clustered_vectors("points", 8, 100);
  for (const Vector& vector : vectors) index.append(vector);
  const Cut before = index.cut();
  for (Slot slot = 0; slot < 50; ++slot) index.remove(slot);
  index.index_some(100);
  SearchCost spent;
  EXPECT_EQ(index.search(before, vectors[0], {.k = 100, .spent = &spent}).size(), 100u);
  EXPECT_EQ(spent.scanned, 100u);
}

// A few dead points with many copies lie where the query is.
TEST(ShardIndex, DeadCopiesTakeNoPlaceAmongWhatIsKept) {
  ShardIndex index({.metric = Metric::euclidean, .dimension = 1});
  for (int i = 0; i < 1'000; ++i) index.append(Vector{static_cast<float>(1 + i)});
  for (int i = 0; i < 160; ++i) index.append(Vector{static_cast<float>(i % 8) / 16});
  index.index_some(1'160);
  for (Slot slot = 1'000; slot < 1'160; ++slot) index.remove(slot);
  // Whoever kept the dead would find too few, and have to compare all.
  const auto hits = index.try_search(index.cut(), Vector{0}, {.k = 4, .ef = 8}, 1'100);
  ASSERT_TRUE(hits.has_value());
  EXPECT_EQ(slots_of(*hits, 4), (std::vector<Slot>{0, 1, 2, 3}));
}

TEST(ShardIndex, GivesUpInTheMiddleOfACrowdOfCopies) {
  struct Counting final : TieOrder {
    bool before(Slot a, Slot b) const override { return ++asked, a < b; }
    mutable uint64_t asked = 0;
  };
  const Counting counting;
  ShardIndex index({.metric = Metric::euclidean, .dimension = 1});
  for (int i = 0; i < 5'000; ++i) index.append(Vector{i < 4'998 ? 0.0f : 1.0f});
  index.index_some(5'000);
  const SearchOptions options{.k = 3, .ties = &counting};
  EXPECT_FALSE(index.try_search(index.cut(), Vector{0.0f}, options, 500).has_value());
  EXPECT_LT(counting.asked, 2'000u);
}

// Slots that died before their turn are in no graph, and an older cut has them.
TEST(ShardIndex, GivesUpWhenItWouldHaveToCompareAll) {
  ShardIndex index(kSmall);
  const auto vectors = clustered_vectors("points", 8, 100);
  for (const Vector& vector : vectors) index.append(vector);
  const Cut before = index.cut();
  for (Slot slot = 0; slot < 50; ++slot) index.remove(slot);
  index.index_some(100);
  EXPECT_FALSE(index.try_search(before, vectors[0], {.k = 100}, 99).has_value());
  EXPECT_EQ(index.try_search(before, vectors[0], {.k = 100}, 100)->size(), 100u);
}

TEST(ShardIndex, WritesNoLinksForCopies) {
  ShardIndex index(kSmall);
  const auto vectors = clustered_vectors("points", 8, 10);
  for (int i = 0; i < 1'000; ++i) index.append(vectors[i % 10]);
  index.index_some(1'000);
  Bytes links;
  index.export_links(10, 1'000, 1'000, &links);
  EXPECT_EQ(links, Bytes(990, 0));
}

// Squares that a 32-bit float holds only as a denormal count as nothing: they would slow a search
// down fifty times. What is stored keeps its bits.
TEST(ShardIndex, FlushesDenormalsWhileItCompares) {
  for (const bool linked : {false, true}) {
    ShardIndex index({.metric = Metric::euclidean, .dimension = 2});
    index.append(Vector{1.0f, 1e-20f});
    if (linked) index.index_some(1);
    EXPECT_EQ(index.search(index.cut(), Vector{1.0f, 0.0f}, {.k = 1})[0].distance, 0.0f);
    EXPECT_EQ(index.vector(0)[1], 1e-20f);
  }
  EXPECT_EQ(distance_between(Metric::euclidean, Vector{1e-20f}, Vector{0.0f}), 0.0f);
  volatile float tiny = 1e-20f;
  EXPECT_GT(tiny * tiny, 0.0f) << "the thread computes as before";
}

TEST(ShardIndex, NormalisesTheSmallestVectors) {
  ShardIndex index({.metric = Metric::cosine, .dimension = 2});
  index.append(Vector{1e-44f, 0.0f});
  index.append(Vector{0.0f, 1e-44f});
  index.index_some(2);
  const auto hits = index.search(index.cut(), Vector{1e-45f, 0.0f}, {.k = 2});
  EXPECT_EQ(hits[0], (Hit{.slot = 0, .distance = -1.0f}));
  EXPECT_EQ(hits[1], (Hit{.slot = 1, .distance = 0.0f}));
}

TEST(ShardIndex, NoCosineIsBeyondOne) {
  RandomStream random(2, "cosine");
  for (int i = 0; i < 2'000; ++i) {
    Vector vector = testing::random_vector(random, 1 + static_cast<uint32_t>(random.below(100)));
    vector[0] += 0.01f;
    normalize(vector);
    ASSERT_GE(distance_between(Metric::cosine, vector, vector), -1.0f);
    Vector opposite = vector;
    for (float& element : opposite) element = -element;
    ASSERT_LE(distance_between(Metric::cosine, opposite, vector), 1.0f);
  }
}

TEST(ShardIndex, FindsNoCopyThatWasRemoved) {
  ShardIndex index(kSmall);
  const Vector copy(8, 1.0f);
  for (int i = 0; i < 6; ++i) index.append(copy);
  index.index_some(6);
  const Cut before = index.cut();
  for (const Slot slot : {0, 2, 5}) index.remove(slot);
  EXPECT_EQ(slots_of(index.search(index.cut(), copy, {.k = 6}), 6), (std::vector<Slot>{1, 3, 4}));
  EXPECT_EQ(index.search(before, copy, {.k = 6}).size(), 6u);
}

TEST(ShardIndex, CountsWhatItHolds) {
  ShardIndex index(kSmall);
  const auto vectors = clustered_vectors("points", 8, 100);
  for (const Vector& vector : vectors) index.append(vector);
  for (Slot slot = 0; slot < 10; ++slot) index.remove(slot);
  EXPECT_EQ(index.unclaimed_slots(), 100u);
  EXPECT_EQ(index.index_some(40), 40u);
  const ShardIndexStats stats = index.stats();
  EXPECT_EQ(stats.slots, 100u);
  EXPECT_EQ(stats.live, 90u);
  EXPECT_EQ(stats.tombstones, 10u);
  EXPECT_EQ(stats.indexed, 40u);
  EXPECT_EQ(stats.tail, 60u);
  EXPECT_EQ(stats.vector_bytes, uint64_t{100} * 8 * sizeof(float));
  EXPECT_EQ(index.waiting_bytes(), uint64_t{60} * 8 * sizeof(float));
  EXPECT_EQ(index.graph().nodes(), 30u) << "a slot that died in the tail needs no links";
  EXPECT_GE(stats.graph_bytes, uint64_t{30} * 2 * 4 * sizeof(uint32_t));
  EXPECT_EQ(index.index_some(1'000), 60u);
  EXPECT_EQ(index.index_some(1'000), 0u);
  EXPECT_EQ(index.waiting_slots(), 0u);
}

TEST(ShardIndex, CountsTheRoomOfCopies) {
  ShardIndex index(kSmall);
  const auto vectors = clustered_vectors("points", 8, 100);
  for (const Vector& vector : vectors) index.append(vector);
  index.index_some(1'000);
  const uint64_t before = index.stats().graph_bytes;
  for (int copy = 0; copy < 500; ++copy) index.append(vectors[3]);
  index.index_some(1'000);
  EXPECT_EQ(index.graph().nodes(), 100u);
  EXPECT_GE(index.stats().graph_bytes, before + uint64_t{500} * 2 * 4 * sizeof(uint32_t));
}

TEST(ShardIndex, CostsGrowWithWhatIsComparedAndEndAtTheWhole) {
  ShardIndex index(kSmall);
  for (const Vector& vector : clustered_vectors("points", 8, 2'000)) index.append(vector);
  constexpr SearchCost kWhole = {.scanned = 2'000};
  EXPECT_EQ(index.search_cost(index.cut(), {.exact = true}), kWhole);
  EXPECT_EQ(index.search_cost(index.cut(), {}), kWhole) << "all of it is tail";
  EXPECT_EQ(index.index_cost(10), 0u);
  index.index_some(1'900);
  const auto at_ef = [&](uint32_t ef) { return index.search_cost(index.cut(), {.ef = ef}); };
  EXPECT_EQ(at_ef(10'000), (SearchCost{.walked = 1'900, .scanned = 100}));
  EXPECT_LT(at_ef(50).walked, 1'900u);
  EXPECT_LT(at_ef(20).walked, at_ef(50).walked);
  EXPECT_EQ(at_ef(20).scanned, 100u);
  EXPECT_EQ(index.index_cost(20), 2 * index.index_cost(10));
}

TEST(ShardIndex, HasNoGraphWhileScanningIsCheaper) {
  ShardIndexOptions options = kSmall;
  options.graph_slots_min = 100;
  ShardIndex index(options);
  const auto vectors = clustered_vectors("points", 8, 150);
  for (size_t i = 0; i < 99; ++i) {
    index.append(vectors[i]);
    if (i % 4 == 0) index.remove(static_cast<Slot>(i));
    EXPECT_EQ(index.index_some(1'000), 0u);
  }
  EXPECT_EQ(index.waiting_slots(), 0u) << "nothing waits for a graph that is not to be";
  EXPECT_EQ(index.unclaimed_slots(), 0u);
  const std::vector<Hit> exact = index.search(index.cut(), vectors[0], {.k = 20, .exact = true});
  EXPECT_EQ(index.search(index.cut(), vectors[0], {.k = 20, .ef = 1}), exact);

  for (size_t i = 99; i < 150; ++i) index.append(vectors[i]);
  EXPECT_EQ(index.waiting_slots(), 150u);
  EXPECT_EQ(index.unclaimed_slots(), 150u);
  EXPECT_EQ(index.index_some(1'000), 150u);
  EXPECT_EQ(index.graph_end(), 150u);
}

TEST(ShardIndex, IsAFunctionOfTheCallSequence) {
  const auto vectors = clustered_vectors("points", 8, 700);
  std::array<uint64_t, 2> digests = {};
  for (uint64_t& digest : digests) {
    ShardIndex index(kSmall);
    RandomStream random(5, "sequence");
    for (const Vector& vector : vectors) {
      const Slot slot = index.append(vector);
      if (random.below(4) == 0) index.remove(slot);
      if (random.below(10) == 0) index.index_some(20);
      // Searches leave scratch memory behind, which must not matter.
      for (const Hit& hit : index.search(index.cut(), vector, {.k = 3, .ef = 10}))
        digest = mix64(digest ^ hit.slot);
    }
    digest = mix64(digest ^ index.graph().digest(700));
  }
  EXPECT_EQ(digests[0], digests[1]);
}

// The model: vectors by slot, and for every cut the slots that were live.
struct Model {
  std::vector<Vector> vectors;
  std::vector<Slot> live;
};

TEST(ShardIndex, AnswersAtAnyCutAsBruteForceDoes) {
  EXPECT_TRUE(rc::check([] {
    const auto metric = *rc::gen::element(Metric::cosine, Metric::dot, Metric::euclidean);
    const auto dimension = *rc::gen::inRange<uint32_t>(1, 6);
    // Few distinct values, so that ties and equal vectors are common. No zero, which cosine
    // refuses.
    const auto some_vector =
        rc::gen::container<Vector>(dimension, rc::gen::element(-1.0f, 1.0f, 2.0f));
    ShardIndex index({.metric = metric, .dimension = dimension, .m = 3, .ef_construction = 8});
    Model model;
    std::vector<std::pair<Cut, std::vector<Slot>>> cuts;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 10));
    for (const int step : steps) {
      if (step < 6) {
        model.vectors.push_back(*some_vector);
        model.live.push_back(index.append(model.vectors.back()));
      } else if (step < 8 && !model.live.empty()) {
        const auto victim = *rc::gen::inRange<size_t>(0, model.live.size());
        index.remove(model.live[victim]);
        model.live.erase(model.live.begin() + static_cast<ptrdiff_t>(victim));
      } else {
        index.index_some(*rc::gen::inRange<uint32_t>(0, 10));
      }
      cuts.emplace_back(index.cut(), model.live);
    }
    const Vector query = *some_vector;
    const auto k = *rc::gen::inRange<uint32_t>(1, 12);
    for (const auto& [cut, live] : cuts) {
      std::vector<Neighbor> expected = brute_force(metric, model.vectors, live, query);
      expected.resize(std::min<size_t>(k, expected.size()));
      std::vector<Neighbor> exact;
      for (const Hit& hit : index.search(cut, query, {.k = k, .exact = true})) {
        exact.push_back({hit.distance, hit.slot});
      }
      RC_ASSERT(exact == expected);

      const std::vector<Hit> walked = index.search(cut, query, {.k = k, .ef = 4});
      RC_ASSERT(walked.size() == expected.size());
      std::set<Slot> distinct;
      for (const Hit& hit : walked) {
        RC_ASSERT(std::ranges::count(live, hit.slot) == 1);
        RC_ASSERT(distinct.insert(hit.slot).second);
      }
      // What lay in the tail is compared exactly: each tail slot among the k best is there.
      const Slot indexed = static_cast<Slot>(index.stats().indexed);
      for (size_t i = 0; i < expected.size(); ++i) {
        if (expected[i].slot >= indexed) RC_ASSERT(distinct.contains(expected[i].slot));
      }
    }
  }));
}

}  // namespace
}  // namespace vectron::index
