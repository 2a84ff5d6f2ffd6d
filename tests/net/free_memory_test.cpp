#include "net/free_memory.h"

#include <gtest/gtest.h>

#include <memory>

namespace vectron {
namespace {

TEST(IdleMemory, IsWhatWasFreeForAWholeInterval) {
  constexpr size_t kMiB = 1 << 20;
  IdleMemory idle;
  EXPECT_EQ(idle.note(500 * kMiB), 0u) << "it may be taken again at once";
  EXPECT_EQ(idle.note(400 * kMiB), 384 * kMiB);
  EXPECT_EQ(idle.note(16 * kMiB), 0u) << "the spare";
  EXPECT_EQ(idle.note(300 * kMiB), 0u) << "freed just now";
  EXPECT_EQ(idle.note(20 * kMiB), 4 * kMiB);
  EXPECT_EQ(idle.note(0), 0u);
}

TEST(FreeMemory, GoesBackToTheSystem) {
  constexpr size_t kBlockBytes = 64 << 20;
  const std::optional<size_t> before = free_memory_bytes();
  if (!before.has_value()) {
    give_back_memory(kBlockBytes);  // Another allocator: nothing happens.
    return;
  }
  std::make_unique<char[]>(kBlockBytes).reset();
  const size_t freed = free_memory_bytes().value();
  give_back_memory(freed);
  EXPECT_LE(free_memory_bytes().value(), freed / 2);
}

}  // namespace
}  // namespace vectron
