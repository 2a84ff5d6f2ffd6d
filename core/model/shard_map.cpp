#include "core/model/shard_map.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"

namespace vectron {

std::vector<HashRange> split_evenly(uint32_t count) {
  VECTRON_ASSERT(count > 0);
  using Wide = unsigned __int128;
  const Wide space = static_cast<Wide>(1) << 64;
  std::vector<HashRange> ranges;
  ranges.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const Wide low = space * i / count;
    const Wide next = space * (i + 1) / count;
    ranges.push_back({static_cast<uint64_t>(low), static_cast<uint64_t>(next - 1)});
  }
  return ranges;
}

Result<void> check_covers_all(std::span<const HashRange> ranges) {
  if (ranges.empty()) return fail(Code::data_loss, "a shard map has no range");
  if (ranges.front().low != 0 || ranges.back().high != UINT64_MAX) {
    return fail(Code::data_loss, "a shard map does not reach both ends of the hash space");
  }
  for (size_t i = 0; i < ranges.size(); ++i) {
    if (ranges[i].low > ranges[i].high) return fail(Code::data_loss, "a shard range is empty");
    if (i > 0 && ranges[i].low != ranges[i - 1].high + 1) {
      return fail(Code::data_loss, fmt::format("shard ranges {} and {} do not meet", i - 1, i));
    }
  }
  return {};
}

size_t find_range(std::span<const HashRange> ranges, uint64_t hash) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), hash,
                                      [](uint64_t h, const HashRange& r) { return h < r.low; });
  VECTRON_ASSERT(after != ranges.begin());
  const auto index = static_cast<size_t>(after - ranges.begin()) - 1;
  VECTRON_ASSERT(ranges[index].contains(hash));
  return index;
}

}  // namespace vectron
