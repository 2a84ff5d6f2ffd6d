#include "sim/explore/minimize.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::sim {

namespace {

/// `items` cut into `parts` pieces whose sizes differ by at most one.
std::vector<Subset> cut(const Subset& items, size_t parts) {
  std::vector<Subset> out;
  for (size_t i = 0; i < parts; ++i) {
    const auto begin = items.begin() + static_cast<ptrdiff_t>(items.size() * i / parts);
    const auto end = items.begin() + static_cast<ptrdiff_t>(items.size() * (i + 1) / parts);
    out.emplace_back(begin, end);
  }
  return out;
}

Subset without(const Subset& items, const Subset& removed) {
  Subset out;
  std::ranges::set_difference(items, removed, std::back_inserter(out));
  return out;
}

}  // namespace

Subset minimal_failing_subset(size_t count, const FirstFailingSubset& first_failing) {
  Subset items(count);
  for (size_t i = 0; i < count; ++i) items[i] = i;
  if (count == 0 || first_failing({Subset()}).has_value()) return {};
  size_t parts = std::min<size_t>(2, count);
  while (items.size() > 1) {
    const std::vector<Subset> pieces = cut(items, parts);
    std::vector<Subset> candidates = pieces;
    // With two pieces, each is the other's complement.
    for (size_t i = 0; i < pieces.size() && parts > 2; ++i) {
      candidates.push_back(without(items, pieces[i]));
    }
    const std::optional<size_t> found = first_failing(candidates);
    if (found.has_value()) {
      VECTRON_ASSERT(*found < candidates.size());
      items = candidates[*found];
      parts = *found < pieces.size() ? 2 : std::max<size_t>(parts - 1, 2);
      parts = std::min(parts, items.size());
    } else if (parts < items.size()) {
      parts = std::min(parts * 2, items.size());
    } else {
      break;
    }
  }
  return items;
}

uint64_t minimal_failing_number(uint64_t low, uint64_t high,
                                const FirstFailingNumber& first_failing) {
  VECTRON_ASSERT(low <= high);
  if (low == high || first_failing({low}).has_value()) return low;
  ++low;  // Below it nothing is known to fail.
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (first_failing({middle}).has_value()) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return high;
}

}  // namespace vectron::sim
