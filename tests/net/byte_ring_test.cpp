#include "net/byte_ring.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <deque>

namespace vectron {
namespace {

RC_GTEST_PROP(ByteRing, EqualsADequeOfBytes,
              (const std::vector<std::pair<bool, uint16_t>>& steps)) {
  constexpr size_t kBytesMax = 10'000;
  ByteRing ring(kBytesMax);
  std::deque<uint8_t> twin;
  uint8_t next = 0;
  for (const auto& [push, amount] : steps) {
    Bytes bytes(amount % (2 * kBytesMax));
    if (push) {
      for (uint8_t& byte : bytes) byte = next++;
      const size_t taken = ring.push(bytes);
      RC_ASSERT(taken == std::min(bytes.size(), kBytesMax - twin.size()));
      twin.insert(twin.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(taken));
    } else {
      const size_t count = ring.pop(bytes);
      RC_ASSERT(count == std::min(bytes.size(), twin.size()));
      RC_ASSERT(
          std::equal(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(count), twin.begin()));
      twin.erase(twin.begin(), twin.begin() + static_cast<ptrdiff_t>(count));
    }
    RC_ASSERT(ring.size() == twin.size());
    RC_ASSERT(ring.full() == (twin.size() == kBytesMax));
    RC_ASSERT(ring.empty() == twin.empty());
  }
}

}  // namespace
}  // namespace vectron
