#include "core/index/vector_store.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::index {

namespace {

constexpr uint32_t kCacheLineFloats = 16;

// Long rows begin on a cache line; rows shorter than a line stay packed.
uint32_t row_floats(uint32_t dimension) {
  if (dimension < kCacheLineFloats) return dimension;
  return (dimension + kCacheLineFloats - 1) / kCacheLineFloats * kCacheLineFloats;
}

// Equal vectors have equal bits: -0 is stored as 0.
void copy_row(std::span<const float> vector, float* row) {
  std::ranges::transform(vector, row, [](float element) { return element + 0.0f; });
}

}  // namespace

VectorStore::VectorStore(uint32_t dimension) : dimension_(dimension), rows_(row_floats(dimension)) {
  VECTRON_ASSERT(dimension > 0 && dimension <= kDimensionMax, "dimension {}", dimension);
}

Slot VectorStore::append(std::span<const float> vector) {
  VECTRON_ASSERT(vector.size() == dimension_, "{} elements, not {}", vector.size(), dimension_);
  copy_row(vector, next_row());
  return publish();
}

Slot VectorStore::append_normalized(std::span<const float> vector) {
  VECTRON_ASSERT(vector.size() == dimension_, "{} elements, not {}", vector.size(), dimension_);
  float* row = next_row();
  copy_row(vector, row);
  const bool normalized = normalize({row, dimension_});
  VECTRON_ASSERT(normalized, "a zero vector under cosine");
  return publish();
}

void VectorStore::reserve(Slot slots) {
  VECTRON_ASSERT(count() == 0 && slots <= kSlotsMax, "{} rows are there already", count());
  for (Slot slot = 0; slot < slots; slot += rows_.run_length(slot)) rows_.ensure(slot);
  count_.store(slots, std::memory_order_release);
}

void VectorStore::place(Slot slot, std::span<const float> vector, bool normalized) {
  VECTRON_ASSERT(slot < count() && vector.size() == dimension_, "slot {} of {}, {} elements", slot,
                 count(), vector.size());
  float* row = rows_.mutable_element(slot);
  copy_row(vector, row);
  if (!normalized) return;
  const bool done = normalize({row, dimension_});
  VECTRON_ASSERT(done, "a zero vector under cosine");
}

float* VectorStore::next_row() {
  const Slot slot = count_.load(std::memory_order_relaxed);
  VECTRON_ASSERT(slot < kSlotsMax);
  rows_.ensure(slot);
  return rows_.mutable_element(slot);
}

Slot VectorStore::publish() {
  const Slot slot = count_.load(std::memory_order_relaxed);
  count_.store(slot + 1, std::memory_order_release);
  return slot;
}

void VectorStore::scan(DistanceFunction distance, const float* query, Slot begin, Slot end,
                       const Tombstones& tombstones, Cut cut, TopK& best) const {
  while (begin < end) {
    const Slot run_end = begin + std::min(end - begin, rows_.run_length(begin));
    const float* row = rows_.element(begin);
    for (; begin < run_end; ++begin, row += rows_.width()) {
      if (tombstones.live_at(begin, cut)) best.offer(distance(query, row, dimension_), begin);
    }
  }
}

}  // namespace vectron::index
