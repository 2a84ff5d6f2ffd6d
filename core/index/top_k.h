// The k nearest of a stream of neighbours, and the ties at its edge.
//
// Order is (distance, slot). Neighbours that tie with the k-th distance are kept aside, because a
// caller may break ties by something that the index does not know (the point id). Owned by one
// search; not shared between threads.
#pragma once

#include <cstdint>
#include <vector>

#include "core/index/neighbor.h"

namespace vectron::index {

inline constexpr size_t kTiesMax =
    1'024;  ///< Neighbours kept beyond k because they tie with the k-th.

class TopK {
 public:
  /// Requires: k > 0.
  explicit TopK(size_t k);

  void offer(float distance, Slot slot) { offer(neighbor_key(distance, slot)); }
  void offer(NeighborKey key) {
    if (heap_.size() == k_ && key >> 32 > heap_.front() >> 32) [[likely]]
      return;
    insert(key);
  }

  /// Neighbours held, ties not counted: at most k.
  size_t size() const { return heap_.size(); }

  /// All neighbours in order: the best min(k, offered), then up to kTiesMax that tie with the last.
  /// Empties this.
  std::vector<NeighborKey> take();

 private:
  void insert(NeighborKey key);
  void add_tie(NeighborKey key);

  const size_t k_;
  std::vector<NeighborKey> heap_;  ///< The best so far, worst in front.
  std::vector<NeighborKey>
      ties_;  ///< Max-heap of pushed-out neighbours as far as the worst of heap_.
};

}  // namespace vectron::index
