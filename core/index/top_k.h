// The k nearest of a stream of neighbours, whatever the order of the stream.
//
// Equal distances are settled by a TieOrder, for a caller knows better than the index which of
// equals comes first (the lower point id). Without one it is the lower slot. Owned by one search;
// not shared between threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/index/neighbor.h"

namespace vectron::index {

/// A total order of slots among those that are equally near. Any thread may ask it.
class TieOrder {
 public:
  TieOrder() = default;
  TieOrder(const TieOrder&) = delete;
  TieOrder& operator=(const TieOrder&) = delete;
  virtual ~TieOrder() = default;
  virtual bool before(Slot a, Slot b) const = 0;
};

class TopK {
 public:
  /// Requires: k > 0. `ties`, which may be null, outlives it.
  explicit TopK(size_t k, const TieOrder* ties = nullptr);

  void offer(float distance, Slot slot) { offer(neighbor_key(distance, slot)); }
  void offer(NeighborKey key) {
    if (heap_.size() == k_ && key >> 32 > heap_.front() >> 32) [[likely]]
      return;
    insert(key);
  }

  /// Whether something at this distance might be among the k nearest.
  bool takes(float distance) const {
    return heap_.size() < k_ || neighbor_key(distance, 0) >> 32 <= heap_.front() >> 32;
  }

  /// Neighbours held, at most k.
  size_t size() const { return heap_.size(); }

  /// The nearest min(k, offered), nearest first. Empties this.
  std::vector<NeighborKey> take();

 private:
  void insert(NeighborKey key);

  const size_t k_;
  const TieOrder* const ties_;
  /// The nearest so far, the farthest of them in front.
  std::vector<NeighborKey> heap_;
};

}  // namespace vectron::index
