// Copies: slots whose rows are equal, bit for bit, share one node of the graph.
//
// Collections are full of copies (empty texts, defaults). As nodes of their own they would fill one
// another's lists, and nothing would lead in or out. So the first of them is the node, and the
// others hang on it in a chain, the latest first: a walk meets them all when it meets the node.
//
//   slot 7 (node, linked) -> slot 90 -> slot 41 -> slot 12
//
// Which node has a row is looked up by the row's hash. Owner: Graph. Everything may run on any
// thread; a chain only grows.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "core/index/neighbor.h"
#include "core/index/segmented_array.h"
#include "core/index/vector_store.h"

namespace vectron::index {

class Copies {
 public:
  /// `vectors` outlives it.
  explicit Copies(const VectorStore& vectors) : vectors_(vectors), next_(1) {}
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  /// Makes room for `slot`; before anything else is asked about it.
  void make_room(Slot slot) { next_.ensure(slot); }

  /// Hangs `slot` on the published node that has the same row. False when there is none: then it
  /// is to be a node itself. Requires: make_room(slot); once for each slot.
  bool join(Slot slot);

  /// Lets later slots with the row of `node` join it. Of two nodes with one row (two threads linked
  /// them at once) the first one stays published. Requires: make_room(node), and it is linked.
  void publish(Slot node);

  /// Calls `visit` with the copies of `node` (not with `node`) until it returns true; whether it
  /// did.
  template <typename Visit>
  bool any(Slot node, const Visit& visit) const {
    for (uint32_t word = next_of(node); word != 0; word = next_of(word - 1)) {
      if (visit(word - 1)) return true;
    }
    return false;
  }

  /// Slots that are not nodes.
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  /// Counted bytes of the table of rows; the chains take kChainBytes for each slot.
  uint64_t table_bytes() const { return table_bytes_.load(std::memory_order_relaxed); }
  static constexpr uint64_t kChainBytes = sizeof(uint32_t);

 private:
  /// An open-addressed table: a place is empty while its node is 0.
  struct Place {
    uint32_t hash = 0;
    /// Slot + 1.
    uint32_t node = 0;
  };

  uint32_t hash_of(Slot slot) const;
  bool equal(Slot a, Slot b) const;
  Place* find(Slot slot, uint32_t hash);
  void grow();

  uint32_t next_of(Slot slot) const {
    return std::atomic_ref(*next_.mutable_element(slot)).load(std::memory_order_acquire);
  }
  void set_next(Slot slot, uint32_t word) {
    std::atomic_ref(*next_.mutable_element(slot)).store(word, std::memory_order_release);
  }

  const VectorStore& vectors_;
  /// For a node its latest copy + 1, for a copy the one before it.
  SegmentedArray<uint32_t> next_;
  /// Guards the table, and who changes a chain.
  std::mutex mutex_;
  /// Its size is 0 or a power of two.
  std::vector<Place> table_;
  size_t published_ = 0;
  std::atomic<uint64_t> table_bytes_ = 0;
  std::atomic<uint64_t> count_ = 0;
};

}  // namespace vectron::index
