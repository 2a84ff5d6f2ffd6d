// Recall on data that is hard for a graph, beside plain hnswlib on the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <queue>
#include <set>

// Without its own SIMD kernels, whose helpers would be defined again in every file that includes
// it.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

#include "core/index/index_restore.h"
#include "core/index/shard_index.h"
#include "tests/core/index/recall/shapes.h"

namespace vectron::index {
namespace {

using testing::Shape;
using testing::shapes;
using testing::Vector;

constexpr uint32_t kK = 10;
constexpr uint32_t kEf = 100;

/// The share of the `expected` first distances that `found`, nearest first, is no worse than.
double recall_by_distance(const std::vector<float>& found, const std::vector<Hit>& expected) {
  const float kth = expected.back().distance;
  const float limit = kth + std::abs(kth) * 1e-6f;
  const auto right =
      std::ranges::count_if(found, [&](float distance) { return distance <= limit; });
  return static_cast<double>(right) / static_cast<double>(expected.size());
}

/// An index of `points`, linked as they come.
std::unique_ptr<ShardIndex> index_of(const Shape& shape, Metric metric = Metric::euclidean) {
  ShardIndexOptions options{.metric = metric};
  options.dimension = static_cast<uint32_t>(shape.points[0].size());
  auto index = std::make_unique<ShardIndex>(options);
  for (const Vector& point : shape.points) {
    index->append(point);
    index->index_some(1);
  }
  return index;
}

std::vector<float> distances_of(const std::vector<Hit>& hits) {
  std::vector<float> distances;
  for (const Hit& hit : hits) distances.push_back(hit.distance);
  return distances;
}

double mean_recall(const ShardIndex& index, const std::vector<Vector>& queries) {
  double sum = 0;
  for (const Vector& query : queries) {
    const auto exact = index.search(index.cut(), query, {.k = kK, .exact = true});
    const auto hits = index.search(index.cut(), query, {.k = kK, .ef = kEf});
    sum += recall_by_distance(distances_of(hits), exact);
  }
  return sum / static_cast<double>(queries.size());
}

/// The share of live points that a search for their own vector finds (or a copy of them).
double found_by_themselves(const ShardIndex& index, const std::vector<Vector>& points) {
  size_t found = 0;
  size_t asked = 0;
  for (Slot slot = 0; slot < points.size(); slot += 5) {
    if (!index.live(slot, index.cut())) continue;
    ++asked;
    const auto hits = index.search(index.cut(), points[slot], {.k = 1, .ef = kEf});
    if (hits[0].distance == 0) ++found;
  }
  return static_cast<double>(found) / static_cast<double>(asked);
}

struct Baseline {
  explicit Baseline(const Shape& shape)
      : space(shape.points[0].size()), graph(&space, shape.points.size(), 16, 200) {
    graph.setEf(kEf);
    for (size_t i = 0; i < shape.points.size(); ++i) graph.addPoint(shape.points[i].data(), i);
  }
  double mean_recall(const ShardIndex& index, const std::vector<Vector>& queries) {
    double sum = 0;
    for (const Vector& query : queries) {
      auto queue = graph.searchKnn(query.data(), kK);
      std::vector<float> distances;
      for (; !queue.empty(); queue.pop()) distances.push_back(queue.top().first);
      const auto exact = index.search(index.cut(), query, {.k = kK, .exact = true});
      sum += recall_by_distance(distances, exact);
    }
    return sum / static_cast<double>(queries.size());
  }
  hnswlib::L2Space space;
  hnswlib::HierarchicalNSW<float> graph;
};

void link_all(ShardIndex* index) {
  while (index->index_some(1'000) > 0) continue;
}

void mend(ShardIndex* index) {
  if (!index->leads_everywhere()) return;
  GraphMender mender = index->mender();
  while (!mender.mend_some(100'000)) continue;
}

/// What every graph must show, mended: each point is found, and nearly all neighbours are.
void expect_good(const ShardIndex& index, const Shape& shape, const std::string& what) {
  EXPECT_EQ(unreachable_nodes(index.graph(), index.graph_end()), 0u) << what;
  EXPECT_GE(found_by_themselves(index, shape.points), 0.998) << what;
  EXPECT_GE(mean_recall(index, shape.queries), 0.96) << what;
}

TEST(Recall, IsAsGoodAsHnswlibOnHardShapes) {
  double ours_sum = 0;
  double theirs_sum = 0;
  for (const Shape& shape : shapes()) {
    const auto index = index_of(shape);
    mend(index.get());
    expect_good(*index, shape, shape.name);
    const double ours = mean_recall(*index, shape.queries);
    const double theirs = Baseline(shape).mean_recall(*index, shape.queries);
    // Both are lucky or not with the levels that their nodes get: 1 query of 100.
    EXPECT_GE(ours, theirs - 0.0101) << shape.name;
    ours_sum += ours;
    theirs_sum += theirs;
  }
  EXPECT_GE(ours_sum, theirs_sum);
}

// Where all vectors are equally long, the nearest to each is itself, under each distance.
TEST(Recall, FindsEqualsUnderEachDistance) {
  RandomStream random(4, "equals");
  std::vector<Shape> all = {{.name = "one-hot", .points = testing::one_hot(600)},
                            {.name = "bits", .points = {}}};
  while (all[1].points.size() < 1'500) {
    Vector bits = testing::sparse_bits(1, 200, 4, random)[0];
    if (std::ranges::count(bits, 1.0f) == 4) all[1].points.push_back(std::move(bits));
  }
  for (const Shape& shape : all) {
    for (const Metric metric : {Metric::cosine, Metric::dot, Metric::euclidean}) {
      const auto index = index_of(shape, metric);
      mend(index.get());
      size_t found = 0;
      for (Slot slot = 0; slot < shape.points.size(); ++slot) {
        const auto hits = index->search(index->cut(), shape.points[slot], {.k = 1, .ef = kEf});
        if (hits[0].slot == slot) ++found;
      }
      EXPECT_GE(found, shape.points.size() - shape.points.size() / 200)
          << shape.name << " under " << static_cast<int>(metric);
    }
  }
}

// A graph by inner products over few dimensions falls into parts: no walk came from one half line
// to the other.
TEST(Recall, IsGoodUnderDotInFewDimensions) {
  for (const uint32_t dimension : {1, 2, 3, 4}) {
    RandomStream random(dimension, "few dimensions");
    ShardIndex index(
        {.metric = Metric::dot, .dimension = dimension, .m = 4, .ef_construction = 50});
    std::vector<Vector> queries;
    for (int i = 0; i < 1'100; ++i) {
      Vector vector = testing::random_vector(random, dimension);
      for (float& element : vector) element = 2 * element - 1;
      if (i < 1'000) {
        index.append(vector);
        index.index_some(1);
      } else {
        queries.push_back(std::move(vector));
      }
    }
    EXPECT_GE(mean_recall(index, queries), 0.98) << dimension;
  }
}

// Deletes, points written again, and a restart that learns the graph from its links.
TEST(Recall, StaysThroughDeletesRewritesAndARestart) {
  for (Shape& shape : shapes()) {
    RandomStream random(3, "churn");
    auto index = index_of(shape);
    const auto count = static_cast<Slot>(shape.points.size());
    for (Slot slot = 0; slot < count; ++slot) {
      if (slot % 4 == 0) index->remove(slot);
      if (slot % 4 != 1) continue;
      index->remove(slot);
      index->append(shape.points[slot]);
      shape.points.push_back(shape.points[slot]);
    }
    link_all(index.get());
    mend(index.get());
    expect_good(*index, shape, shape.name + ", written again");

    ShardIndex again(index->options());
    IndexRestore restore(&again, index->cut().slots);
    Bytes links;
    index->export_links(0, index->graph_end(), index->cut().slots, &links);
    ASSERT_TRUE(restore.take_links(index->graph_end(), links).has_value());
    for (Slot slot = 0; slot < index->cut().slots; ++slot) {
      if (index->live(slot, index->cut())) restore.take_vector(slot, shape.points[slot]);
    }
    while (!restore.repair_some({})) continue;
    expect_good(again, shape, shape.name + ", after a restart");
  }
}

// With so few links and candidates no graph is good where all points are about equally far: what
// counts is that ours is as good as hnswlib's. First as the points come, then with all of them
// written again once, in both, while tombstones grow to two fifths of the slots.
struct PoorGraphs {
  static constexpr uint32_t kDimension = 64;
  static constexpr size_t kPoints = 2'000;
  static constexpr size_t kRewritten = 1'300;
  static constexpr size_t kM = 4;
  static constexpr size_t kEfConstruction = 16;
  static constexpr size_t kEfSearch = 24;

  explicit PoorGraphs(uint64_t seed)
      : random(seed, "poor graphs"),
        ours({.metric = Metric::cosine,
              .dimension = kDimension,
              .m = kM,
              .ef_construction = kEfConstruction}),
        space(kDimension),
        theirs(&space, kPoints + kRewritten, kM, kEfConstruction, seed) {
    theirs.setEf(kEfSearch);
    for (size_t i = 0; i < kPoints; ++i) add();
  }

  Vector unit() {
    Vector vector = testing::random_vector(random, kDimension);
    float square = 0;
    for (const float element : vector) square += element * element;
    for (float& element : vector) element /= std::sqrt(square);
    return vector;
  }
  void add() {
    const Vector vector = unit();
    theirs.addPoint(vector.data(), ours.append(vector));
    ours.index_some(1);
  }
  void write_again() {
    for (Slot slot = 0; slot < kRewritten; ++slot) {
      add();
      ours.remove(slot);
      theirs.markDelete(slot);
    }
  }
  /// Ours and theirs, of the same 200 queries.
  std::pair<double, double> recalls() {
    constexpr size_t kQueries = 200;
    double found_ours = 0;
    double found_theirs = 0;
    for (size_t i = 0; i < kQueries; ++i) {
      const Vector query = unit();
      std::set<uint64_t> expected;
      for (const Hit& hit : ours.search(ours.cut(), query, {.k = kK, .exact = true})) {
        expected.insert(hit.slot);
      }
      for (const Hit& hit : ours.search(ours.cut(), query, {.k = kK, .ef = kEfSearch})) {
        found_ours += static_cast<double>(expected.count(hit.slot));
      }
      for (auto queue = theirs.searchKnn(query.data(), kK); !queue.empty(); queue.pop()) {
        found_theirs += static_cast<double>(expected.count(queue.top().second));
      }
    }
    return {found_ours / (kQueries * kK), found_theirs / (kQueries * kK)};
  }

  RandomStream random;
  ShardIndex ours;
  hnswlib::InnerProductSpace space;
  hnswlib::HierarchicalNSW<float> theirs;
};

// Over 60 seeds ours found 0.004 (0.002) less of new points and 0.009 (0.002) less of those that
// were written again, of 0.29: our new points link to removed ones too, hnswlib's do not.
TEST(Recall, IsAsGoodAsHnswlibWithPoorKnobs) {
  constexpr uint64_t kSeeds = 6;
  double fresh = 0;
  double written_again = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    PoorGraphs graphs(seed);
    const auto [ours, theirs] = graphs.recalls();
    fresh += (ours - theirs) / kSeeds;
    graphs.write_again();
    const auto [ours_again, theirs_again] = graphs.recalls();
    written_again += (ours_again - theirs_again) / kSeeds;
    EXPECT_LT(theirs, 0.5) << "with more links this says nothing of poor graphs";
  }
  EXPECT_GE(fresh, -0.015);
  EXPECT_GE(written_again, -0.015);
}

}  // namespace
}  // namespace vectron::index
