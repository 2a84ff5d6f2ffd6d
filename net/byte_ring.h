// A bounded first-in-first-out buffer of bytes: one direction of an in-process connection.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "core/base/assert.h"
#include "core/base/bytes.h"

namespace vectron {

/// Takes memory as it fills, up to its bound, and keeps it.
class ByteRing {
 public:
  explicit ByteRing(size_t bytes_max) : bytes_max_(bytes_max) { VECTRON_ASSERT(bytes_max > 0); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == bytes_max_; }

  /// Takes as many of `bytes` as there is room for, and returns how many.
  size_t push(ByteView bytes) {
    const size_t count = std::min(bytes.size(), bytes_max_ - size_);
    reserve(size_ + count);
    if (count == 0) return 0;
    const size_t tail = wrap(first_ + size_);
    const size_t before_end = std::min(count, memory_.size() - tail);
    std::memcpy(memory_.data() + tail, bytes.data(), before_end);
    std::memcpy(memory_.data(), bytes.data() + before_end, count - before_end);
    size_ += count;
    return count;
  }

  /// Moves the oldest bytes to `into`, as many as there are and fit, and returns how many.
  size_t pop(std::span<uint8_t> into) {
    const size_t count = std::min(into.size(), size_);
    if (count == 0) return 0;
    const size_t before_end = std::min(count, memory_.size() - first_);
    std::memcpy(into.data(), memory_.data() + first_, before_end);
    std::memcpy(into.data() + before_end, memory_.data(), count - before_end);
    size_ -= count;
    first_ = size_ == 0 ? 0 : wrap(first_ + count);
    return count;
  }

  /// Drops the contents and gives the memory back.
  void clear() {
    memory_ = Bytes();
    first_ = size_ = 0;
  }

 private:
  static constexpr size_t kFirstBytes = 4096;

  size_t wrap(size_t position) const {
    return position >= memory_.size() ? position - memory_.size() : position;
  }

  void reserve(size_t bytes) {
    if (bytes <= memory_.size()) return;
    size_t capacity = std::max(memory_.size(), kFirstBytes);
    while (capacity < bytes) capacity *= 2;
    Bytes larger(std::min(capacity, std::max(bytes_max_, bytes)));
    const size_t kept = size_;
    pop(std::span(larger).first(kept));
    memory_ = std::move(larger);
    first_ = 0;
    size_ = kept;
  }

  size_t bytes_max_;
  Bytes memory_;
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace vectron
