// Which slots are live, at any cut.
//
// Removals are numbered 1, 2, 3, ... and a slot remembers the number of its own. A cut is two
// counts: slots appended and removals made. A slot is live at a cut when it was appended before it
// and not removed before it; later appends and removals change nothing about that, so a search
// needs no copy of the set and no lock.
//
// Owner: ShardIndex. Writes come from the owner's event loop alone; reads from any thread that was
// handed a Cut.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/index/neighbor.h"
#include "core/index/segmented_array.h"

namespace vectron::index {

/// A moment in the life of a ShardIndex. It stays meaningful as long as the index.
struct Cut {
  /// Slots appended before the cut: [0, slots).
  Slot slots = 0;
  /// Removals made before the cut.
  uint32_t removals = 0;
  uint64_t live() const { return static_cast<uint64_t>(slots) - removals; }
  bool operator==(const Cut&) const = default;
};

class Tombstones {
 public:
  Tombstones() : removed_at_(1) {}

  /// Makes room for `slot`, live. Requires: slots in increasing order.
  void append(Slot slot) { removed_at_.ensure(slot); }

  /// Marks `slot` as removed. Requires: appended and live.
  void remove(Slot slot);

  /// Removals so far, that is tombstones.
  uint32_t count() const { return count_.load(std::memory_order_relaxed); }

  /// True when `slot` is live at `cut`. Requires: cut was taken from this object's owner.
  bool live_at(Slot slot, Cut cut) const {
    if (slot >= cut.slots) return false;
    if (cut.removals == 0) return true;
    const uint32_t number = removal_number(slot);
    return number == 0 || number > cut.removals;
  }

  /// True when `slot` is not removed as far as this thread can see.
  bool live_now(Slot slot) const { return removal_number(slot) == 0; }

  uint64_t bytes(Slot slots) const { return static_cast<uint64_t>(slots) * sizeof(uint32_t); }

 private:
  /// 0 while the slot is live. A removal after the reader's cut may or may not be seen; both mean
  /// "live at the cut".
  uint32_t removal_number(Slot slot) const {
    return std::atomic_ref(*removed_at_.mutable_element(slot)).load(std::memory_order_relaxed);
  }

  SegmentedArray<uint32_t> removed_at_;
  std::atomic<uint32_t> count_ = 0;
};

}  // namespace vectron::index
