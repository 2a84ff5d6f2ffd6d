// Binary heaps of neighbours' keys in vectors, as walks need them.
#pragma once

#include <algorithm>
#include <functional>
#include <vector>

#include "core/index/neighbor.h"

namespace vectron::index {

/// Adds `key` to a heap whose front is its largest.
inline void push_max(std::vector<NeighborKey>& heap, NeighborKey key) {
  heap.push_back(key);
  std::push_heap(heap.begin(), heap.end());
}

/// Puts `key` in the place of the largest element of a max-heap, which must not be smaller.
inline void replace_max(std::vector<NeighborKey>& heap, NeighborKey key) {
  const size_t size = heap.size();
  size_t hole = 0;
  for (size_t child = 1; child < size; child = 2 * hole + 1) {
    if (child + 1 < size && heap[child + 1] > heap[child]) ++child;
    if (heap[child] <= key) break;
    heap[hole] = heap[child];
    hole = child;
  }
  heap[hole] = key;
}

/// Adds `key` to a heap whose front is its smallest.
inline void push_min(std::vector<NeighborKey>& heap, NeighborKey key) {
  heap.push_back(key);
  std::push_heap(heap.begin(), heap.end(), std::greater());
}

/// Takes the smallest out. Requires: not empty.
inline NeighborKey pop_min(std::vector<NeighborKey>& heap) {
  std::pop_heap(heap.begin(), heap.end(), std::greater());
  const NeighborKey key = heap.back();
  heap.pop_back();
  return key;
}

}  // namespace vectron::index
