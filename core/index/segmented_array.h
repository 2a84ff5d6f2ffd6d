// An array that grows without ever moving an element: segments of doubling size.
//
// Segment s holds 64 << s elements, so 26 pointers span 2^32 elements, growth copies nothing, and
// readers go on beside it without a lock. A segment of 256 KiB and more is a mapping of its own:
// zeroed, untouched until it is filled, given back with the array, and of huge pages from 4 MiB on
// (random reads of a graph walk miss the TLB otherwise).
//
// Owner: the containers of core/index. ensure() is safe beside itself and beside readers; an
// element may be read by a thread that learnt of it from one that had ensured it.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace vectron::index {

/// Zeroed memory of `bytes`, aligned to a cache line. Aborts when there is none.
struct SegmentMemory {
  /// What free_segment() takes back.
  void* block = nullptr;
  /// The aligned beginning.
  void* first = nullptr;
  /// Of `block`, where it is a mapping of its own; else 0.
  size_t mapped_bytes = 0;
};
SegmentMemory allocate_segment(size_t bytes);
void free_segment(SegmentMemory memory);

/// Elements of `width` values of T each, all zero at first. T: an integer, float or pointer.
template <typename T>
class SegmentedArray {
 public:
  explicit SegmentedArray(size_t width) : width_(width) {}
  SegmentedArray(const SegmentedArray&) = delete;
  SegmentedArray& operator=(const SegmentedArray&) = delete;
  ~SegmentedArray() {
    for (const SegmentMemory& memory : memory_) free_segment(memory);
  }

  size_t width() const { return width_; }

  /// Makes element(index) exist. Amortised O(1).
  void ensure(uint32_t index) {
    const unsigned segment = segment_of(index);
    if (segments_[segment].load(std::memory_order_acquire) == nullptr) [[unlikely]]
      add_segment(segment);
  }

  /// Requires: ensure(index) happened before.
  const T* element(uint32_t index) const { return mutable_element(index); }

  /// The same for writing. It is const because threads write through std::atomic_ref, which needs a
  /// mutable object.
  T* mutable_element(uint32_t index) const {
    const unsigned segment = segment_of(index);
    const uint32_t offset = index + kFirst - (kFirst << segment);
    return segments_[segment].load(std::memory_order_acquire) + offset * width_;
  }

  /// How many elements from `index` on lie side by side in memory, `index` included.
  uint32_t run_length(uint32_t index) const {
    const uint64_t next_segment = (uint64_t{kFirst} << (segment_of(index) + 1)) - kFirst;
    return static_cast<uint32_t>(next_segment - index);
  }

  /// True when ensure() has made room for `index`.
  bool has(uint32_t index) const {
    return segments_[segment_of(index)].load(std::memory_order_acquire) != nullptr;
  }

 private:
  /// Elements of the first segment.
  static constexpr uint32_t kFirst = 64;
  static constexpr unsigned kSegments = 26;

  static unsigned segment_of(uint32_t index) {
    return static_cast<unsigned>(std::bit_width(index / kFirst + 1)) - 1;
  }

  void add_segment(unsigned segment) {
    const std::scoped_lock lock(growth_mutex_);
    if (segments_[segment].load(std::memory_order_relaxed) != nullptr) return;
    memory_[segment] = allocate_segment((size_t{kFirst} << segment) * width_ * sizeof(T));
    segments_[segment].store(static_cast<T*>(memory_[segment].first), std::memory_order_release);
  }

  const size_t width_;
  std::array<std::atomic<T*>, kSegments> segments_ = {};
  /// Guarded by growth_mutex_.
  std::array<SegmentMemory, kSegments> memory_ = {};
  std::mutex growth_mutex_;
};

}  // namespace vectron::index
