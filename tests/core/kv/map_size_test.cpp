#include "core/kv/map_size.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace vectron::detail {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

TEST(MapSize, DoublesWhileItIsSmall) {
  EXPECT_EQ(next_map_bytes(16 * kMiB, 64 * kGiB), 32 * kMiB);
  EXPECT_EQ(next_map_bytes(128 * kMiB, 64 * kGiB), 256 * kMiB);
  EXPECT_EQ(next_map_bytes(3 * kMiB, 4 * kMiB), 4 * kMiB);
}

// Each move of a large map holds the event loop.
TEST(MapSize, ALargeMapIsMovedOnce) {
  EXPECT_EQ(next_map_bytes(256 * kMiB, 64 * kGiB), 64 * kGiB);
  EXPECT_EQ(next_map_bytes(kGiB, 64 * kGiB), 64 * kGiB);
}

TEST(MapSize, AStoreOpensWithRoom) {
  EXPECT_EQ(map_bytes_for(0, 16 * kMiB, 64 * kGiB), 16 * kMiB);
  EXPECT_EQ(map_bytes_for(8 * kMiB, 16 * kMiB, 64 * kGiB), 16 * kMiB);
  EXPECT_EQ(map_bytes_for(8 * kMiB + 1, 16 * kMiB, 64 * kGiB), 32 * kMiB);
  EXPECT_EQ(map_bytes_for(kGiB, 16 * kMiB, 64 * kGiB), 64 * kGiB);
  EXPECT_EQ(map_bytes_for(kGiB, 16 * kMiB, 4 * kMiB), 4 * kMiB);
}

RC_GTEST_PROP(MapSize, OneThatIsLargeIsNeverMovedUnderAFileThatGrows, ()) {
  const uint64_t bytes_max = *rc::gen::inRange<uint64_t>(1, 64 * 1024) * kMiB;
  const uint64_t bytes_start = *rc::gen::inRange<uint64_t>(1, 1024) * 256 * 1024;
  uint64_t bytes =
      map_bytes_for(*rc::gen::inRange<uint64_t>(0, 1024) * kMiB, bytes_start, bytes_max);
  int moves = 0;
  while (bytes < bytes_max) {
    RC_ASSERT(bytes <= std::max(kSteppedMapBytesMax, bytes_start));
    const uint64_t next = next_map_bytes(bytes, bytes_max);
    RC_ASSERT(next > bytes && next <= bytes_max);
    bytes = next;
    ++moves;
  }
  RC_ASSERT(moves <= 12);
}

}  // namespace
}  // namespace vectron::detail
