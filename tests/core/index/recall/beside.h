// One set of vectors in our index and in plain hnswlib, side by side: the same points in the same
// order, the same removals, the same queries.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <queue>
#include <vector>

// Without its own SIMD kernels, whose helpers would be defined again in every file that includes
// it.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

#include "core/index/index_restore.h"
#include "core/index/shard_index.h"
#include "tests/core/index/points.h"

namespace vectron::index::testing {

/// What a search keeps, and how many hits are asked for.
struct SearchKnobs {
  uint32_t k = 10;
  uint32_t ef = 100;
};

class Beside {
 public:
  /// `points_max`: how many are ever added.
  Beside(ShardIndexOptions options, size_t points_max, size_t level_seed = 100)
      : ours_(std::make_unique<ShardIndex>(options)),
        space_(space_of(options)),
        theirs_(space_.get(), points_max, options.m, options.ef_construction, level_seed) {}

  ShardIndex& ours() { return *ours_; }
  const ShardIndex& ours() const { return *ours_; }

  /// Adds and links a point in both. Returns its slot, which is its label there.
  Slot add(const Vector& vector) {
    const Slot slot = ours_->append(vector);
    ours_->index_some(1);
    theirs_.addPoint(ours_->vector(slot).data(), slot);
    return slot;
  }
  void remove(Slot slot) {
    ours_->remove(slot);
    theirs_.markDelete(slot);
  }

  /// Gives links to what nothing leads to in ours, where a worker would do that.
  void mend() {
    if (!ours_->leads_everywhere()) return;
    GraphMender mender = ours_->mender();
    while (!mender.mend_some(100'000)) continue;
  }

  /// Puts an index in the place of ours that is restored from its links, as after a restart.
  /// (Theirs would come back from a file as it was.)
  ::testing::AssertionResult restart() {
    auto again = std::make_unique<ShardIndex>(ours_->options());
    const Cut cut = ours_->cut();
    IndexRestore restore(again.get(), cut.slots);
    Bytes links;
    ours_->export_links(0, ours_->graph_end(), cut.slots, &links);
    if (!restore.take_links(ours_->graph_end(), links).has_value()) {
      return ::testing::AssertionFailure() << "the links were refused";
    }
    for (Slot slot = 0; slot < cut.slots; ++slot) {
      if (ours_->live(slot, cut)) restore.take_vector(slot, ours_->vector(slot));
    }
    while (!restore.repair_some({})) continue;
    ours_ = std::move(again);
    return ::testing::AssertionSuccess();
  }

  struct Recalls {
    double ours = 0;
    double theirs = 0;
  };
  /// The share of the k hits that are as near as the k nearest are, over `queries`.
  Recalls recalls(const std::vector<Vector>& queries, SearchKnobs knobs) {
    theirs_.setEf(knobs.ef);
    Recalls sum;
    for (const Vector& query : queries) {
      const auto exact = search(query, {.k = knobs.k, .exact = true});
      const float limit = limit_of(exact);
      const auto near = [limit](const Hit& hit) { return hit.distance <= limit; };
      const auto share = [&](const std::vector<Hit>& hits) {
        return static_cast<double>(std::ranges::count_if(hits, near)) /
               static_cast<double>(exact.size());
      };
      sum.ours += share(search(query, {.k = knobs.k, .ef = knobs.ef}));
      sum.theirs += share(their_hits(query, knobs.k));
    }
    const auto count = static_cast<double>(queries.size());
    return {sum.ours / count, sum.theirs / count};
  }

  /// The share of every fifth live point of `points` (by slot) for whose vector a search of ours
  /// finds the nearest there is: under cosine and euclidean the point itself, or an equal one.
  double finds_nearest(const std::vector<Vector>& points, uint32_t ef) const {
    size_t found = 0;
    size_t asked = 0;
    for (Slot slot = 0; slot < points.size(); slot += 5) {
      if (!ours_->live(slot, ours_->cut())) continue;
      ++asked;
      const auto exact = search(points[slot], {.k = 1, .exact = true});
      const auto hits = search(points[slot], {.k = 1, .ef = ef});
      if (hits[0].distance <= limit_of(exact)) ++found;
    }
    return static_cast<double>(found) / static_cast<double>(asked);
  }

 private:
  // Who is as near as the last of these, but for rounding.
  static float limit_of(const std::vector<Hit>& exact) {
    const float kth = exact.back().distance;
    return kth + std::abs(kth) * 1e-6f;
  }

  static std::unique_ptr<hnswlib::SpaceInterface<float>> space_of(ShardIndexOptions options) {
    if (options.metric == Metric::euclidean) {
      return std::make_unique<hnswlib::L2Space>(options.dimension);
    }
    return std::make_unique<hnswlib::InnerProductSpace>(options.dimension);
  }

  std::vector<Hit> search(const Vector& query, SearchOptions options) const {
    return ours_->search(ours_->cut(), query, options);
  }

  // By our distances, so that both are judged alike to the last bit.
  std::vector<Hit> their_hits(Vector query, uint32_t k) {
    const Metric metric = ours_->options().metric;
    if (metric == Metric::cosine) normalize(query);
    std::vector<Hit> hits;
    for (auto queue = theirs_.searchKnn(query.data(), k); !queue.empty(); queue.pop()) {
      const auto slot = static_cast<Slot>(queue.top().second);
      hits.push_back(
          {.slot = slot, .distance = distance_between(metric, query, ours_->vector(slot))});
    }
    return hits;
  }

  std::unique_ptr<ShardIndex> ours_;
  std::unique_ptr<hnswlib::SpaceInterface<float>> space_;
  hnswlib::HierarchicalNSW<float> theirs_;
};

}  // namespace vectron::index::testing
