// The vectors of one index, each stored once, in slot order, never moved.
//
// Both halves of the index read them here: the graph by slot, the flat tail (the slots that are not
// linked yet) as one scan. Moving from the tail to the graph therefore copies nothing.
//
// Owner: ShardIndex. append() belongs to the owner's event loop; rows below count() may be read by
// any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <span>

#include "core/base/assert.h"
#include "core/index/neighbor.h"
#include "core/index/row_codec.h"
#include "core/index/segmented_array.h"

namespace vectron::index {

/// Rows as `Codec` writes them.
template <RowCodec Codec>
class RowStore {
 public:
  using Element = typename Codec::Element;

  explicit RowStore(Codec codec) : codec_(codec), rows_(codec.row_elements()) {}
  explicit RowStore(uint32_t dimension) : RowStore(Codec(dimension)) {}

  const Codec& codec() const { return codec_; }
  uint32_t dimension() const { return codec_.dimension(); }
  /// Vectors stored. A thread that reads n may read rows [0, n).
  Slot count() const { return count_.load(std::memory_order_acquire); }
  /// Counted bytes of a row.
  uint64_t row_bytes() const { return rows_.width() * sizeof(Element); }

  /// Encodes `vector` behind the last row and returns its slot. Requires: dimension() elements,
  /// fewer than kSlotsMax rows.
  Slot append(std::span<const float> vector, RowForm form = RowForm::given);

  /// Makes rows [0, slots) exist, without content, for place(). Requires: empty.
  void reserve(Slot slots);
  /// Encodes `vector` into a reserved row. Requires: nobody reads the row yet.
  void place(Slot slot, std::span<const float> vector, RowForm form);

  /// The row of `slot`. Lives as long as the store.
  const Element* row(Slot slot) const { return rows_.element(slot); }
  /// How many rows from `slot` on lie side by side, row_elements() apart, `slot` included.
  Slot run_length(Slot slot) const { return rows_.run_length(slot); }
  /// Elements from one row to the next.
  size_t row_elements() const { return rows_.width(); }
  /// The bytes by which the row differs from others.
  std::span<const uint8_t> content(Slot slot) const { return codec_.content(row(slot)); }
  /// The vector that the row holds. Lives as long as the store.
  auto vector(Slot slot) const { return codec_.decode(row(slot)); }

  /// Sends for the row's first bytes; the hardware's own prefetcher follows from there.
  void prefetch(Slot slot) const {
    constexpr size_t kCacheLineBytes = 64;
    constexpr size_t kBytesMax = 1'024;
    const auto* bytes = reinterpret_cast<const char*>(row(slot));
    const size_t size = std::min<size_t>(row_bytes(), kBytesMax);
    for (size_t offset = 0; offset < size; offset += kCacheLineBytes) {
      __builtin_prefetch(bytes + offset);
    }
  }

 private:
  const Codec codec_;
  SegmentedArray<Element> rows_;
  std::atomic<Slot> count_ = 0;
};

using VectorStore = RowStore<Float32Codec>;

template <RowCodec Codec>
Slot RowStore<Codec>::append(std::span<const float> vector, RowForm form) {
  const Slot slot = count_.load(std::memory_order_relaxed);
  VECTRON_ASSERT(slot < kSlotsMax);
  rows_.ensure(slot);
  codec_.encode(vector, form, rows_.mutable_element(slot));
  count_.store(slot + 1, std::memory_order_release);
  return slot;
}

template <RowCodec Codec>
void RowStore<Codec>::reserve(Slot slots) {
  VECTRON_ASSERT(count() == 0 && slots <= kSlotsMax, "{} rows are there already", count());
  for (Slot slot = 0; slot < slots; slot += rows_.run_length(slot)) rows_.ensure(slot);
  count_.store(slots, std::memory_order_release);
}

template <RowCodec Codec>
void RowStore<Codec>::place(Slot slot, std::span<const float> vector, RowForm form) {
  VECTRON_ASSERT(slot < count(), "slot {} of {}", slot, count());
  codec_.encode(vector, form, rows_.mutable_element(slot));
}

}  // namespace vectron::index
