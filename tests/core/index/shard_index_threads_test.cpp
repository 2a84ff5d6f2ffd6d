// ShardIndex under threads: one event loop that appends and removes, indexers and searchers beside
// it.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "core/index/shard_index.h"
#include "tests/core/index/points.h"

namespace vectron::index {
namespace {

using testing::brute_force;
using testing::clustered_vectors;
using testing::Vector;

constexpr uint32_t kDimension = 12;
constexpr size_t kSteps = 3'000;

// What the loop does is laid down beforehand, so every thread can tell what must be live after any
// step.
struct Plan {
  struct Step {
    bool append = true;
    Slot victim = 0;
  };
  std::vector<Step> steps;
  std::vector<Vector> vectors;

  Plan() : vectors(clustered_vectors("threads", kDimension, kSteps)) {
    RandomStream random(11, "plan");
    std::vector<Slot> live;
    Slot slots = 0;
    for (size_t i = 0; i < kSteps; ++i) {
      if (live.size() < 20 || random.below(3) != 0) {
        steps.push_back({.append = true});
        live.push_back(slots++);
        continue;
      }
      const size_t victim = random.below(live.size());
      steps.push_back({.append = false, .victim = live[victim]});
      live.erase(live.begin() + static_cast<ptrdiff_t>(victim));
    }
  }

  std::vector<Slot> live_after(size_t done) const {
    std::vector<bool> alive;
    for (size_t i = 0; i < done; ++i) {
      if (steps[i].append)
        alive.push_back(true);
      else
        alive[steps[i].victim] = false;
    }
    std::vector<Slot> live;
    for (Slot slot = 0; slot < alive.size(); ++slot) {
      if (alive[slot]) live.push_back(slot);
    }
    return live;
  }
};

// The newest cut, as the loop hands it to the pool.
class Handoff {
 public:
  struct Moment {
    Cut cut;
    size_t steps_done = 0;
  };
  void put(Moment moment) {
    const std::scoped_lock lock(mutex_);
    moment_ = moment;
  }
  Moment get() const {
    const std::scoped_lock lock(mutex_);
    return moment_;
  }

 private:
  mutable std::mutex mutex_;
  Moment moment_;
};

void check_search(const ShardIndex& index, const Plan& plan, Handoff::Moment moment,
                  const Vector& query) {
  constexpr uint32_t kHits = 10;
  const std::vector<Slot> live = plan.live_after(moment.steps_done);
  ASSERT_EQ(live.size(), moment.cut.live());
  const std::vector<Neighbor> expected = brute_force(Metric::euclidean, plan.vectors, live, query);
  const size_t count = std::min<size_t>(kHits, expected.size());

  const std::vector<Hit> exact = index.search(moment.cut, query, {.k = kHits, .exact = true});
  ASSERT_GE(exact.size(), count);
  for (size_t i = 0; i < count; ++i) {
    ASSERT_EQ(exact[i].slot, expected[i].slot);
    ASSERT_EQ(exact[i].distance, expected[i].distance);
  }
  const std::vector<Hit> walked = index.search(moment.cut, query, {.k = kHits, .ef = 40});
  ASSERT_GE(walked.size(), count);
  std::set<Slot> distinct;
  for (const Hit& hit : walked)
    ASSERT_TRUE(distinct.insert(hit.slot).second) << "slot " << hit.slot << " twice";
  size_t right = 0;
  for (size_t i = 0; i < count; ++i) {
    ASSERT_TRUE(std::ranges::binary_search(live, walked[i].slot)) << "slot " << walked[i].slot;
    right += walked[i].distance <= expected[count - 1].distance ? 1 : 0;
  }
  ASSERT_GE(right * 2, count) << "a walk beside inserts lost more than half of the neighbours";
}

TEST(ShardIndexThreads, EverySearchIsExactAtItsCut) {
  const Plan plan;
  ShardIndex index(
      {.metric = Metric::euclidean, .dimension = kDimension, .m = 8, .ef_construction = 40});
  Handoff handoff;
  std::atomic<bool> loop_done = false;
  std::vector<std::thread> pool;
  pool.reserve(8);
  for (int i = 0; i < 2; ++i) {
    pool.emplace_back([&] {
      bool last = false;
      while (!last) {
        last = loop_done;
        while (index.index_some(16) != 0) {
        }
      }
    });
  }
  std::atomic<size_t> searches = 0;
  for (size_t i = 0; i < 2; ++i) {
    pool.emplace_back([&, i] {
      RandomStream random(13, "queries", i);
      do {
        check_search(index, plan, handoff.get(), plan.vectors[random.below(plan.vectors.size())]);
        ++searches;
      } while (!loop_done && !::testing::Test::HasFatalFailure());
    });
  }
  for (size_t step = 0; step < plan.steps.size(); ++step) {
    if (plan.steps[step].append) {
      index.append(plan.vectors[index.cut().slots]);
    } else {
      index.remove(plan.steps[step].victim);
    }
    handoff.put({index.cut(), step + 1});
    // Paced by the searches, so that they see many different moments.
    while (searches < step / 32 && !::testing::Test::HasFatalFailure()) std::this_thread::yield();
  }
  loop_done = true;
  for (std::thread& thread : pool) thread.join();

  EXPECT_EQ(index.waiting_slots(), 0u);
  check_search(index, plan, handoff.get(), plan.vectors[0]);
}

TEST(ShardIndexThreads, SearchesBesideIndexingReturnNothingTwice) {
  const auto vectors = clustered_vectors("points", kDimension, 3'000);
  ShardIndex index(
      {.metric = Metric::euclidean, .dimension = kDimension, .m = 8, .ef_construction = 40});
  for (const Vector& vector : vectors) index.append(vector);
  const Cut cut = index.cut();
  // Long ranges: most of the time many slots are in the graph already and count as tail still.
  std::thread indexer([&] {
    while (index.index_some(300) != 0) {
    }
  });
  RandomStream random(17, "queries");
  while (index.waiting_slots() != 0) {
    std::set<Slot> distinct;
    const Vector& query = vectors[random.below(vectors.size())];
    for (const Hit& hit : index.search(cut, query, {.k = 200, .ef = 200})) {
      EXPECT_TRUE(distinct.insert(hit.slot).second) << "slot " << hit.slot << " twice";
    }
  }
  indexer.join();
}

TEST(ShardIndexThreads, IndexersShareTheTailWithoutGapsOrRepeats) {
  const auto vectors = clustered_vectors("points", kDimension, 2'000);
  ShardIndex index(
      {.metric = Metric::euclidean, .dimension = kDimension, .m = 8, .ef_construction = 40});
  for (const Vector& vector : vectors) index.append(vector);
  std::atomic<uint32_t> taken = 0;
  std::vector<std::thread> pool;
  pool.reserve(8);
  for (int i = 0; i < 4; ++i) {
    pool.emplace_back([&] {
      for (uint32_t count = 1; count != 0;) {
        count = index.index_some(7);
        taken += count;
      }
    });
  }
  for (std::thread& thread : pool) thread.join();
  EXPECT_EQ(taken, 2'000u);
  EXPECT_EQ(index.stats().indexed, 2'000u);
  EXPECT_EQ(index.graph().nodes(), 2'000u);
}

// Two indexers, a mender and a searcher over data full of copies; afterwards one more look mends
// what the others undid.
TEST(ShardIndexThreads, MendsBesideLinkingAndSearches) {
  ShardIndex index({.metric = Metric::euclidean, .dimension = 4, .m = 4, .ef_construction = 20});
  RandomStream random(5, "mending");
  std::vector<Vector> vectors;
  for (int i = 0; i < 1'500; ++i) {
    const bool copy = i > 0 && random.below(3) == 0;
    vectors.push_back(copy ? vectors[random.below(vectors.size())]
                           : testing::random_vector(random, 4));
    index.append(vectors.back());
  }
  std::atomic<int> indexers = 2;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      while (index.index_some(20) > 0) continue;
      --indexers;
    });
  }
  threads.emplace_back([&] {
    while (indexers > 0) {
      GraphMender mender = index.mender();
      while (!mender.mend_some(1'000)) continue;
    }
  });
  threads.emplace_back([&] {
    for (size_t i = 0; indexers > 0; ++i) {
      const Vector& query = vectors[i % vectors.size()];
      ASSERT_EQ(index.search({.slots = 1'500}, query, {.k = 5}).size(), 5u);
    }
  });
  for (std::thread& thread : threads) thread.join();
  GraphMender mender = index.mender();
  while (!mender.mend_some(1'000)) continue;
  EXPECT_EQ(unreachable_nodes(index.graph(), index.graph_end()), 0u);
  size_t found = 0;
  for (const Vector& vector : vectors) {
    if (index.search(index.cut(), vector, {.k = 1})[0].distance == 0.0f) ++found;
  }
  EXPECT_GE(found, 1'490u);
}

}  // namespace
}  // namespace vectron::index
