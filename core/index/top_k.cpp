#include "core/index/top_k.h"

#include <algorithm>
#include <utility>

#include "core/base/assert.h"

namespace vectron::index {

namespace {

struct Nearer {
  const TieOrder* ties;
  bool operator()(NeighborKey a, NeighborKey b) const {
    if (ties == nullptr || a >> 32 != b >> 32) return a < b;
    return ties->before(slot_of(a), slot_of(b));
  }
};

}  // namespace

TopK::TopK(size_t k, const TieOrder* ties) : k_(k), ties_(ties) {
  VECTRON_ASSERT(k > 0);
}

void TopK::insert(NeighborKey key) {
  const Nearer nearer{ties_};
  if (heap_.size() == k_) {
    if (!nearer(key, heap_.front())) return;
    std::ranges::pop_heap(heap_, nearer);
    heap_.pop_back();
  }
  heap_.push_back(key);
  std::ranges::push_heap(heap_, nearer);
}

std::vector<NeighborKey> TopK::take() {
  std::vector<NeighborKey> all = std::exchange(heap_, {});
  std::ranges::sort(all, Nearer{ties_});
  return all;
}

}  // namespace vectron::index
