// Which shard holds a point: explicit ranges of the placement hash.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/ids.h"
#include "core/base/result.h"

namespace vectron {

/// Hashes from `low` to `high`, both included, so that the whole 64-bit space can be said.
struct HashRange {
  uint64_t low = 0;
  uint64_t high = UINT64_MAX;
  bool contains(uint64_t hash) const { return low <= hash && hash <= high; }
  bool operator==(const HashRange&) const = default;
};

/// Cuts the whole hash space into `count` ranges whose sizes differ by at most one. Requires: count
/// > 0.
std::vector<HashRange> split_evenly(uint32_t count);

/// Checks that `ranges`, in their order, cover the whole space without gap or overlap. Errors:
/// data_loss.
Result<void> check_covers_all(std::span<const HashRange> ranges);

/// The position of the range that contains `hash`. Requires: check_covers_all(ranges). O(log n).
size_t find_range(std::span<const HashRange> ranges, uint64_t hash);

}  // namespace vectron
