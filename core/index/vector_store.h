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

#include "core/index/distance.h"
#include "core/index/neighbor.h"
#include "core/index/segmented_array.h"
#include "core/index/tombstones.h"
#include "core/index/top_k.h"

namespace vectron::index {

class VectorStore {
 public:
  explicit VectorStore(uint32_t dimension);

  uint32_t dimension() const { return dimension_; }
  /// Vectors stored. A thread that reads n may read rows [0, n).
  Slot count() const { return count_.load(std::memory_order_acquire); }
  /// Counted bytes of a row: rows of 64 bytes and more begin on a cache line.
  uint64_t row_bytes() const { return rows_.width() * sizeof(float); }

  /// Copies `vector` behind the last row and returns its slot. Requires: dimension() elements,
  /// fewer than kSlotsMax rows.
  Slot append(std::span<const float> vector);
  /// The same, normalised. Requires: not a zero vector.
  Slot append_normalized(std::span<const float> vector);

  /// Makes rows [0, slots) exist, without content, for place(). Requires: empty.
  void reserve(Slot slots);
  /// Copies `vector` to a reserved row, normalised when `normalized` says so. Requires: not a zero
  /// vector then; nobody reads the row yet.
  void place(Slot slot, std::span<const float> vector, bool normalized);

  /// The row of `slot`, dimension() long. Lives as long as the store.
  const float* row(Slot slot) const { return rows_.element(slot); }

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

  /// Compares `query` with the rows [begin, end) that are live at `cut`, and offers each to `best`.
  void scan(DistanceFunction distance, const float* query, Slot begin, Slot end,
            const Tombstones& tombstones, Cut cut, TopK& best) const;

 private:
  float* next_row();
  Slot publish();

  const uint32_t dimension_;
  SegmentedArray<float> rows_;
  std::atomic<Slot> count_ = 0;
};

}  // namespace vectron::index
