#include "core/index/index_restore.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <numeric>
#include <set>

#include "tests/core/index/points.h"

namespace vectron::index {
namespace {

using testing::brute_force;
using testing::clustered_vectors;
using testing::recall;
using testing::Vector;

/// An index with what a checkpoint of it would hold.
struct Image {
  Bytes links;
  Slot graph_end = 0;
  Cut cut;
};

Image image_of(const ShardIndex& index) {
  Image image;
  image.cut = index.cut();
  image.graph_end = std::min(index.graph_end(), image.cut.slots);
  index.export_links(0, image.graph_end, image.cut.slots, &image.links);
  return image;
}

/// Restores `image` into `index`, with the vectors of those slots that `keep` names.
template <typename Keep>
void restore(ShardIndex* index, const Image& image, const std::vector<Vector>& vectors,
             const Keep& keep) {
  IndexRestore restore(index, image.cut.slots);
  ASSERT_TRUE(restore.take_links(image.graph_end, image.links).has_value());
  for (Slot slot = 0; slot < image.cut.slots; ++slot) {
    if (keep(slot)) restore.take_vector(slot, vectors[slot]);
  }
  while (!restore.repair_some({.slots_max = 64})) {
  }
}

double mean_recall(const ShardIndex& index, const std::vector<Vector>& vectors,
                   const std::vector<Slot>& live, size_t ef) {
  double sum = 0;
  const auto queries = clustered_vectors("queries", index.options().dimension, 100);
  for (const Vector& query : queries) {
    std::vector<Slot> found;
    for (const Hit& hit : index.search(index.cut(), query, {.k = 10, .ef = uint32_t(ef)})) {
      if (found.size() < 10) found.push_back(hit.slot);
    }
    sum += recall(found, brute_force(index.options().metric, vectors, live, query), 10);
  }
  return sum / 100;
}

TEST(IndexRestore, GivesTheSameGraphBackWhenNothingChanged) {
  const ShardIndexOptions options{.metric = Metric::cosine, .dimension = 12, .m = 6};
  const auto vectors = clustered_vectors("points", 12, 1'500);
  ShardIndex index(options);
  for (const Vector& vector : vectors) index.append(vector);
  index.index_some(1'400);
  const Image image = image_of(index);
  ShardIndex again(options);
  restore(&again, image, vectors, [](Slot) { return true; });
  EXPECT_EQ(again.graph().digest(1'400), index.graph().digest(1'400));
  EXPECT_EQ(again.stats().tail, 100u);
  EXPECT_EQ(again.stats().live, 1'500u);
  for (const Vector& query : clustered_vectors("queries", 12, 30)) {
    EXPECT_EQ(again.search(again.cut(), query, {}), index.search(index.cut(), query, {}));
  }
  // It goes on like the other one.
  again.index_some(100);
  index.index_some(100);
  EXPECT_EQ(again.graph().digest(1'500), index.graph().digest(1'500));
}

TEST(IndexRestore, KeepsRecallWhenManySlotsAreGone) {
  constexpr uint32_t kDimension = 16;
  const ShardIndexOptions options{.metric = Metric::euclidean, .dimension = kDimension};
  const auto vectors = clustered_vectors("points", kDimension, 3'000);
  ShardIndex index(options);
  for (const Vector& vector : vectors) index.append(vector);
  while (index.index_some(1'000) != 0) {
  }
  std::vector<Slot> all(vectors.size());
  std::iota(all.begin(), all.end(), 0);
  const double before = mean_recall(index, vectors, all, 64);
  for (const uint64_t gone_ppm : {10'000u, 200'000u, 500'000u}) {
    RandomStream random(5, "gone");
    std::vector<Slot> live;
    std::vector<bool> keep(vectors.size());
    for (Slot slot = 0; slot < vectors.size(); ++slot) {
      keep[slot] = !random.chance_ppm(gone_ppm);
      if (keep[slot]) live.push_back(slot);
    }
    ShardIndex again(options);
    restore(&again, image_of(index), vectors, [&](Slot slot) { return keep[slot]; });
    ASSERT_EQ(again.stats().live, live.size());
    EXPECT_GE(mean_recall(again, vectors, live, 64), before - 0.005) << gone_ppm;
    EXPECT_EQ(again.search(again.cut(), vectors[0], {.k = 3'000, .ef = 3'000}).size(), live.size());
  }
}

TEST(IndexRestore, FindsEveryPointOfAGraphThatLostItsTop) {
  const ShardIndexOptions options{.metric = Metric::euclidean, .dimension = 4, .m = 4};
  const auto vectors = clustered_vectors("points", 4, 800);
  ShardIndex index(options);
  for (const Vector& vector : vectors) index.append(vector);
  index.index_some(800);
  ShardIndex again(options);
  // Every node above level 0 is gone, the entry point with them.
  const auto keep = [&](Slot slot) { return level_of(slot, options.m) == 0; };
  restore(&again, image_of(index), vectors, keep);
  ASSERT_EQ(again.graph().entry_point().level, 0);
  std::vector<Slot> live;
  for (Slot slot = 0; slot < 800; ++slot) {
    if (keep(slot)) live.push_back(slot);
  }
  EXPECT_GE(mean_recall(again, vectors, live, 100), 0.98);
}

// Whole regions are written again, and the links that led through the old slots were their only way
// out: the restored graph must lead to every point all the same, time after time.
TEST(IndexRestore, LeadsToEveryPointOfRegionsThatWereWrittenAgain) {
  constexpr uint32_t kDimension = 32;
  constexpr int kClusters = 40;
  const ShardIndexOptions options{.metric = Metric::euclidean, .dimension = kDimension};
  RandomStream random(5, "regions");
  std::vector<Vector> centres;
  for (int i = 0; i < kClusters; ++i) centres.push_back(testing::random_vector(random, kDimension));
  const auto point_of = [&](size_t point) {
    Vector vector = centres[point % kClusters];
    for (float& element : vector) element = 10 * element + random.unit_float();
    return vector;
  };
  std::vector<Vector> vectors;  // by slot
  std::vector<Slot> slot_of;    // by point
  auto index = std::make_unique<ShardIndex>(options);
  for (size_t point = 0; point < 2'000; ++point) {
    vectors.push_back(point_of(point));
    slot_of.push_back(index->append(vectors.back()));
  }
  for (int restart = 0; restart < 3; ++restart) {
    index->index_some(100'000);
    for (size_t point = 0; point < slot_of.size(); ++point) {
      if (point % kClusters / 10 != static_cast<size_t>(restart)) continue;
      index->remove(slot_of[point]);
      vectors.push_back(point_of(point));
      slot_of[point] = index->append(vectors.back());
    }
    index->index_some(100'000);
    const Image image = image_of(*index);
    auto again = std::make_unique<ShardIndex>(options);
    restore(again.get(), image, vectors, [&](Slot slot) { return index->live(slot, image.cut); });
    EXPECT_EQ(unreachable_nodes(again->graph(), again->graph_end()), 0u);
    size_t lost = 0;
    for (const Slot slot : slot_of) {
      const auto hits = again->search(again->cut(), vectors[slot], {.k = 1, .ef = 100});
      if (hits[0].slot != slot) ++lost;
    }
    EXPECT_EQ(lost, 0u) << "after restart " << restart;
    index = std::move(again);
  }
}

// Few links and many holes: what bridges leave is mended before anybody searches.
TEST(IndexRestore, LeadsToEveryPointOfAThinGraphFullOfHoles) {
  const ShardIndexOptions options{
      .metric = Metric::euclidean, .dimension = 8, .m = 2, .ef_construction = 8};
  const auto vectors = clustered_vectors("points", 8, 2'000);
  ShardIndex index(options);
  for (const Vector& vector : vectors) index.append(vector);
  index.index_some(2'000);
  ShardIndex again(options);
  restore(&again, image_of(index), vectors, [](Slot slot) { return slot % 5 == 0; });
  EXPECT_EQ(again.graph().nodes(), 400u);
  EXPECT_EQ(unreachable_nodes(again.graph(), 2'000), 0u);
}

TEST(IndexRestore, LinksTheLastThreeOfManyWithOneAnother) {
  const ShardIndexOptions options{.metric = Metric::euclidean, .dimension = 4, .m = 2};
  const auto vectors = clustered_vectors("points", 4, 3'000);
  ShardIndex index(options);
  for (const Vector& vector : vectors) index.append(vector);
  index.index_some(3'000);
  const std::set<Slot> kept = {index.graph().entry_point().slot, 7, 2'900};
  ASSERT_EQ(kept.size(), 3u);
  ShardIndex again(options);
  restore(&again, image_of(index), vectors, [&](Slot slot) { return kept.contains(slot); });
  EXPECT_EQ(unreachable_nodes(again.graph(), 3'000), 0u);
  for (const Slot slot : kept) {
    EXPECT_TRUE(again.graph().is_node(slot)) << slot;
    EXPECT_EQ(again.search(again.cut(), vectors[slot], {.k = 1, .ef = 8})[0].slot, slot);
  }
}

TEST(IndexRestore, EqualRowsJoinTheNodesThatCameBack) {
  const ShardIndexOptions options{.metric = Metric::euclidean, .dimension = 4, .m = 4};
  const auto vectors = clustered_vectors("points", 4, 100);
  ShardIndex index(options);
  for (const Vector& vector : vectors) index.append(vector);
  index.index_some(100);
  ShardIndex again(options);
  restore(&again, image_of(index), vectors, [](Slot) { return true; });
  for (const Slot slot : {3, 50, 99}) again.append(vectors[static_cast<size_t>(slot)]);
  again.index_some(3);
  EXPECT_EQ(again.graph().nodes(), 100u);
  EXPECT_EQ(again.graph().copies().count(), 3u);
}

TEST(IndexRestore, LinksWhatTheImageHasNoLinksFor) {
  const ShardIndexOptions options{.metric = Metric::euclidean, .dimension = 4, .m = 4};
  const auto vectors = clustered_vectors("points", 4, 300);
  ShardIndex index(options);
  for (const Vector& vector : vectors) index.append(vector);
  // Removed before their turn, and live at the image's cut.
  Image image;
  image.cut = index.cut();
  for (Slot slot = 0; slot < 300; slot += 10) index.remove(slot);
  index.index_some(300);
  image.graph_end = 300;
  index.export_links(0, 300, image.cut.slots, &image.links);
  ShardIndex again(options);
  restore(&again, image, vectors, [](Slot) { return true; });
  EXPECT_EQ(again.graph().nodes(), 300u);
  for (Slot slot = 0; slot < 300; ++slot) {
    EXPECT_EQ(again.search(again.cut(), vectors[slot], {.k = 1, .ef = 64})[0].slot, slot);
  }
}

TEST(IndexRestore, MendsAGraphFullOfHolesInShortPieces) {
  const ShardIndexOptions options{.metric = Metric::euclidean, .dimension = 8, .m = 16};
  const auto vectors = clustered_vectors("points", 8, 2'000);
  ShardIndex index(options);
  for (const Vector& vector : vectors) index.append(vector);
  index.index_some(2'000);
  const Image image = image_of(index);
  ShardIndex again(options);
  IndexRestore restore(&again, image.cut.slots);
  ASSERT_TRUE(restore.take_links(image.graph_end, image.links).has_value());
  for (Slot slot = 0; slot < 2'000; slot += 2) restore.take_vector(slot, vectors[slot]);
  // With half of the slots gone, a thousand slots have to be led around their holes.
  size_t pieces = 1;
  while (!restore.repair_some({.slots_max = 100'000, .evaluations_max = 2'048})) ++pieces;
  EXPECT_GE(pieces, 100u);
  EXPECT_TRUE(restore.looked_through());
  EXPECT_EQ(again.graph().nodes(), 1'000u);
}

TEST(IndexRestore, RefusesWhatNoIndexWrote) {
  const ShardIndexOptions options{.metric = Metric::euclidean, .dimension = 4, .m = 4};
  const auto vectors = clustered_vectors("points", 4, 120);
  ShardIndex index(options);
  for (const Vector& vector : vectors) index.append(vector);
  index.index_some(120);
  const Image image = image_of(index);
  EXPECT_TRUE(rc::check([&](uint64_t seed) {
    RandomStream random(seed, "change");
    Bytes links = image.links;
    links[random.below(links.size())] ^= static_cast<uint8_t>(1 + random.below(255));
    if (random.below(4) == 0) links.resize(random.below(links.size()));
    ShardIndex again(options);
    IndexRestore restore(&again, image.cut.slots);
    if (!restore.take_links(120, links).has_value()) return;
    for (Slot slot = 0; slot < 120; ++slot) restore.take_vector(slot, vectors[slot]);
    while (!restore.repair_some({.slots_max = 7})) {
    }
    RC_ASSERT(again.search(again.cut(), vectors[0], {.k = 120, .ef = 120}).size() == 120);
  }));
}

}  // namespace
}  // namespace vectron::index
