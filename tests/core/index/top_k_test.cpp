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

TEST(TopK, EqualsSortingEverything) {
  rc::check([] {
    const std::vector<NeighborKey> offers = offers_with_ties();
    const auto k = *rc::gen::inRange<size_t>(1, 40);
    TopK best(k);
    for (const NeighborKey key : offers) best.offer(key);

    std::vector<NeighborKey> sorted = offers;
    std::ranges::sort(sorted);
    size_t expected = std::min(k, sorted.size());
    RC_ASSERT(best.size() == expected);
    while (expected > 0 && expected < sorted.size() &&
           sorted[expected] >> 32 == sorted[k - 1] >> 32)
      ++expected;
    sorted.resize(expected);
    RC_ASSERT(best.take() == sorted);
  });
}

TEST(TopK, KeepsABoundedNumberOfTiesAndTheLowestSlots) {
  constexpr Slot kOffers = 5'000;
  TopK best(10);
  for (Slot slot = kOffers; slot > 0; --slot) best.offer(1.0f, slot - 1);
  const std::vector<NeighborKey> kept = best.take();
  ASSERT_EQ(kept.size(), 10 + kTiesMax);
  for (Slot slot = 0; slot < kept.size(); ++slot) EXPECT_EQ(slot_of(kept[slot]), slot);
}

TEST(TopK, ForgetsTiesOnceSomethingNearerPushesThemOut) {
  TopK best(2);
  for (Slot slot = 0; slot < 10; ++slot) best.offer(5.0f, slot);
  best.offer(1.0f, 100);
  EXPECT_EQ(best.take().size(), 11u);
  for (Slot slot = 0; slot < 10; ++slot) best.offer(5.0f, slot);
  best.offer(1.0f, 100);
  best.offer(2.0f, 101);
  EXPECT_EQ(best.take(), (std::vector{neighbor_key(1.0f, 100), neighbor_key(2.0f, 101)}));
}

TEST(NeighborKey, OrdersByDistanceThenSlotAndRoundTrips) {
  rc::check([](int32_t left, int32_t right, uint32_t left_slot, uint32_t right_slot) {
    const Neighbor a{static_cast<float>(left) / 1024, left_slot};
    const Neighbor b{static_cast<float>(right) / 1024, right_slot};
    const bool before = a.distance != b.distance ? a.distance < b.distance : a.slot < b.slot;
    RC_ASSERT((neighbor_key(a.distance, a.slot) < neighbor_key(b.distance, b.slot)) == before);
    RC_ASSERT(neighbor_of(neighbor_key(a.distance, a.slot)) == a);
  });
}

}  // namespace
}  // namespace vectron::index
