#include "core/index/top_k.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

namespace vectron::index {
namespace {

// Distances from a handful of values, so that ties abound.
std::vector<NeighborKey> offers_with_ties() {
  const auto count = *rc::gen::inRange<Slot>(0, 200);
  std::vector<NeighborKey> keys;
  keys.reserve(count);
  for (Slot slot = 0; slot < count; ++slot) {
    keys.push_back(neighbor_key(static_cast<float>(*rc::gen::inRange(-3, 4)), slot));
  }
  for (size_t i = keys.size(); i > 1; --i)
    std::swap(keys[i - 1], keys[*rc::gen::inRange<size_t>(0, i)]);
  return keys;
}

// Equals in an order that has nothing to do with slots.
struct ScrambledTies final : TieOrder {
  bool before(Slot a, Slot b) const override { return a * 2654435761u < b * 2654435761u; }
};

TEST(TopK, EqualsSortingEverything) {
  EXPECT_TRUE(rc::check([] {
    const std::vector<NeighborKey> offers = offers_with_ties();
    const auto k = *rc::gen::inRange<size_t>(1, 40);
    const ScrambledTies scrambled;
    const TieOrder* ties = *rc::gen::arbitrary<bool>() ? &scrambled : nullptr;
    TopK best(k, ties);
    for (const NeighborKey key : offers) best.offer(key);

    std::vector<NeighborKey> sorted = offers;
    std::ranges::sort(sorted, [&](NeighborKey a, NeighborKey b) {
      if (ties == nullptr || distance_of(a) != distance_of(b)) return a < b;
      return ties->before(slot_of(a), slot_of(b));
    });
    sorted.resize(std::min(k, sorted.size()));
    RC_ASSERT(best.size() == sorted.size());
    RC_ASSERT(best.take() == sorted);
  }));
}

TEST(TopK, TakesWhatMayBeAmongTheNearest) {
  TopK best(2);
  best.offer(5.0f, 7);
  EXPECT_TRUE(best.takes(100.0f)) << "there is room";
  best.offer(1.0f, 9);
  EXPECT_TRUE(best.takes(5.0f)) << "a tie may come first";
  EXPECT_FALSE(best.takes(5.1f));
}

TEST(NeighborKey, OrdersByDistanceThenSlotAndRoundTrips) {
  EXPECT_TRUE(rc::check([](int32_t left, int32_t right, uint32_t left_slot, uint32_t right_slot) {
    const Neighbor a{static_cast<float>(left) / 1024, left_slot};
    const Neighbor b{static_cast<float>(right) / 1024, right_slot};
    const bool before = a.distance != b.distance ? a.distance < b.distance : a.slot < b.slot;
    RC_ASSERT((neighbor_key(a.distance, a.slot) < neighbor_key(b.distance, b.slot)) == before);
    RC_ASSERT(distance_of(neighbor_key(a.distance, a.slot)) == a.distance);
    RC_ASSERT(slot_of(neighbor_key(a.distance, a.slot)) == a.slot);
  }));
}

}  // namespace
}  // namespace vectron::index
