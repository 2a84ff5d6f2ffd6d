#include "core/index/copies.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <map>

#include "core/base/random.h"

namespace vectron::index {
namespace {

std::vector<Slot> chain_of(const Copies& copies, Slot node) {
  std::vector<Slot> chain;
  copies.any(node, [&](Slot copy) {
    chain.push_back(copy);
    return false;
  });
  return chain;
}

TEST(Copies, HangOnTheNodeWithTheSameRow) {
  EXPECT_TRUE(rc::check([](uint64_t seed) {
    RandomStream random(seed, "rows");
    VectorStore store(2);
    Copies copies(store);
    std::map<std::vector<float>, Slot> node_of;
    std::map<Slot, std::vector<Slot>> expected;
    const Slot count = 1 + random.below(400);
    for (Slot slot = 0; slot < count; ++slot) {
      const std::vector<float> row = {static_cast<float>(random.below(20)),
                                      static_cast<float>(random.below(20))};
      ASSERT_EQ(store.append(row), slot);
      copies.make_room(slot);
      const auto known = node_of.find(row);
      ASSERT_EQ(copies.join(slot), known != node_of.end());
      if (known != node_of.end()) {
        expected[known->second].insert(expected[known->second].begin(), slot);
      } else {
        copies.publish(slot);
        node_of[row] = slot;
      }
    }
    for (const auto& [row, node] : node_of) ASSERT_EQ(chain_of(copies, node), expected[node]);
    ASSERT_EQ(copies.count(), count - node_of.size());
  }));
}

// The table keeps 32 bits of a row's hash, and of so many rows some have the same.
TEST(Copies, RowsWithTheSameHashAreNoCopies) {
  VectorStore store(1);
  Copies copies(store);
  for (Slot slot = 0; slot < 300'000; ++slot) {
    store.append(std::vector<float>{static_cast<float>(slot)});
    copies.make_room(slot);
    ASSERT_FALSE(copies.join(slot)) << slot;
    copies.publish(slot);
  }
}

TEST(Copies, OneOfTwoNodesWithTheSameRowIsJoined) {
  VectorStore store(1);
  Copies copies(store);
  for (Slot slot = 0; slot < 3; ++slot) {
    store.append(std::vector<float>{1.0f});
    copies.make_room(slot);
  }
  copies.publish(0);
  copies.publish(1);
  EXPECT_TRUE(copies.join(2));
  EXPECT_EQ(chain_of(copies, 0), std::vector<Slot>{2});
  EXPECT_TRUE(chain_of(copies, 1).empty());
}

TEST(Copies, ZeroHasNoSign) {
  VectorStore store(2);
  Copies copies(store);
  store.append(std::vector<float>{0.0f, 1.0f});
  store.append(std::vector<float>{-0.0f, 1.0f});
  copies.make_room(0);
  copies.make_room(1);
  copies.publish(0);
  EXPECT_TRUE(copies.join(1));
}

TEST(Copies, VisitsUntilItIsTold) {
  VectorStore store(1);
  Copies copies(store);
  for (Slot slot = 0; slot < 5; ++slot) {
    store.append(std::vector<float>{1.0f});
    copies.make_room(slot);
    if (!copies.join(slot)) copies.publish(slot);
  }
  int visits = 0;
  EXPECT_TRUE(copies.any(0, [&](Slot copy) {
    ++visits;
    return copy == 3;
  }));
  EXPECT_EQ(visits, 2);
}

}  // namespace
}  // namespace vectron::index
