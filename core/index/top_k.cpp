#include "core/index/top_k.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::index {

namespace {

bool same_distance(NeighborKey left, NeighborKey right) {
  return left >> 32 == right >> 32;
}

}  // namespace

TopK::TopK(size_t k) : k_(k) {
  VECTRON_ASSERT(k > 0);
}

void TopK::insert(NeighborKey key) {
  if (heap_.size() < k_) {
    heap_.push_back(key);
    std::ranges::push_heap(heap_);
    return;
  }
  if (key > heap_.front()) return add_tie(key);
  std::ranges::pop_heap(heap_);
  const NeighborKey pushed_out = std::exchange(heap_.back(), key);
  std::ranges::push_heap(heap_);
  if (!same_distance(pushed_out, heap_.front())) {
    ties_.clear();
  } else {
    add_tie(pushed_out);
  }
}

// Keeps the lowest slots when there are too many ties, so that the outcome does not depend on the
// order of offers.
void TopK::add_tie(NeighborKey key) {
  if (ties_.size() == kTiesMax) {
    if (key > ties_.front()) return;
    std::ranges::pop_heap(ties_);
    ties_.pop_back();
  }
  ties_.push_back(key);
  std::ranges::push_heap(ties_);
}

std::vector<NeighborKey> TopK::take() {
  std::vector<NeighborKey> all = std::move(heap_);
  all.insert(all.end(), ties_.begin(), ties_.end());
  std::ranges::sort(all);
  heap_.clear();
  ties_.clear();
  return all;
}

}  // namespace vectron::index
