#include "core/index/key_heap.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "core/index/salted_key.h"

namespace vectron::index {
namespace {

RC_GTEST_PROP(KeyHeap, TakesTheSmallestFirst, (const std::vector<uint64_t>& keys)) {
  std::vector<NeighborKey> heap;
  for (const uint64_t key : keys) push_min(heap, key);
  std::vector<uint64_t> taken;
  while (!heap.empty()) taken.push_back(pop_min(heap));
  std::vector<uint64_t> sorted = keys;
  std::ranges::sort(sorted);
  RC_ASSERT(taken == sorted);
}

// As a walk keeps its best: at most so many, and a smaller one in the place of the largest.
RC_GTEST_PROP(KeyHeap, KeepsTheSmallestOfAll, (const std::vector<uint64_t>& keys)) {
  const size_t kept_max = *rc::gen::inRange<size_t>(1, 20);
  std::vector<NeighborKey> heap;
  std::multiset<uint64_t> model;
  for (const uint64_t key : keys) {
    model.insert(key);
    if (model.size() > kept_max) model.erase(std::prev(model.end()));
    if (heap.size() < kept_max) {
      push_max(heap, key);
    } else if (key <= heap.front()) {
      replace_max(heap, key);
    }
    RC_ASSERT(heap.front() == *model.rbegin());
    RC_ASSERT(std::ranges::is_heap(heap));
  }
  std::ranges::sort(heap);
  RC_ASSERT(std::ranges::equal(heap, model));
}

RC_GTEST_PROP(SaltedKey, GivesItsSlotAndDistanceBack, (uint32_t slot, uint32_t base)) {
  const uint32_t salt = salt_of(base);
  const NeighborKey key = salted_key(1.5f, slot, salt);
  RC_ASSERT(salted_slot(key, salt) == slot);
  RC_ASSERT(distance_of(key) == 1.5f);
  RC_ASSERT(salted_key(1.25f, slot, salt) < key);
  RC_ASSERT(farther(key, salted_key(1.25f, ~slot, salt)));
  RC_ASSERT(!farther(key, salted_key(1.5f, ~slot, salt)));
}

TEST(SaltedKey, AnySlotMayComeFirstAmongEquals) {
  std::set<Slot> first;
  for (Slot base = 0; base < 200; ++base) {
    const uint32_t salt = salt_of(base);
    NeighborKey best = UINT64_MAX;
    for (Slot slot = 0; slot < 50; ++slot) best = std::min(best, salted_key(1.0f, slot, salt));
    first.insert(salted_slot(best, salt));
  }
  EXPECT_GE(first.size(), 40u);
}

}  // namespace
}  // namespace vectron::index
