// PointRows: which point each slot of an index is, by slot.
//
// The event loop appends; a thread that was handed a cut of the index may read the rows below it
// meanwhile, for nothing moves. So a search settles ties by point id wherever it runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <new>
#include <utility>

#include "core/base/assert.h"
#include "core/index/segmented_array.h"
#include "core/index/top_k.h"
#include "core/model/point_id.h"

namespace vectron {

/// Which point a slot is. The row of a slot never changes.
struct PointRow {
  PointId id;
  /// The log index that wrote it.
  uint64_t version = 0;
};

class PointRows final : public index::TieOrder {
 public:
  PointRows() : memory_(sizeof(PointRow)) {}
  ~PointRows() override {
    for (index::Slot slot = 0; slot < size(); ++slot) row(slot)->~PointRow();
  }

  /// Rows appended.
  index::Slot size() const { return size_.load(std::memory_order_acquire); }
  bool empty() const { return size() == 0; }
  void push_back(PointRow added) {
    const index::Slot slot = size();
    memory_.ensure(slot);
    new (memory_.mutable_element(slot)) PointRow(std::move(added));
    size_.store(slot + 1, std::memory_order_release);
  }
  /// Requires: slot < size(). Valid as long as this.
  const PointRow& operator[](index::Slot slot) const { return *row(slot); }

  /// Of points that are equally near, the lower id comes first.
  bool before(index::Slot a, index::Slot b) const override { return (*this)[a].id < (*this)[b].id; }

 private:
  PointRow* row(index::Slot slot) const {
    return std::launder(reinterpret_cast<PointRow*>(memory_.mutable_element(slot)));
  }

  index::SegmentedArray<char> memory_;
  std::atomic<index::Slot> size_ = 0;
};

}  // namespace vectron
