// BodyMemory: the bytes that a Server holds for all of its connections, against one bound.
//
// Who holds some has a HeldBytes, which says how much at present. Small things are not counted:
// they are bounded by their number. Owned by the Server; single-threaded.
#pragma once

#include <cstddef>

#include "core/base/assert.h"

namespace vectron::rpc {

class BodyMemory {
 public:
  explicit BodyMemory(size_t bytes_max) : bytes_max_(bytes_max) {}
  BodyMemory(const BodyMemory&) = delete;
  BodyMemory& operator=(const BodyMemory&) = delete;
  ~BodyMemory() { VECTRON_ASSERT(bytes_ == 0, "{} bytes are still held", bytes_); }

  size_t bytes() const { return bytes_; }
  size_t bytes_max() const { return bytes_max_; }
  /// Whether so many bytes more stay within the bound.
  bool fits(size_t more) const { return more <= bytes_max_ && bytes_ <= bytes_max_ - more; }

 private:
  friend class HeldBytes;

  const size_t bytes_max_;
  size_t bytes_ = 0;
};

/// What one holder has; nothing once it is gone.
class HeldBytes {
 public:
  /// `memory` may be null: then nothing is counted. It outlives this.
  explicit HeldBytes(BodyMemory* memory, size_t bytes = 0) : memory_(memory) { set(bytes); }
  HeldBytes(HeldBytes&& other) noexcept : memory_(other.memory_), bytes_(other.bytes_) {
    other.bytes_ = 0;
  }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;
  HeldBytes& operator=(HeldBytes&&) = delete;
  ~HeldBytes() { set(0); }

  void set(size_t bytes) {
    if (memory_ == nullptr) return;
    memory_->bytes_ += bytes - bytes_;
    bytes_ = bytes;
  }

 private:
  BodyMemory* memory_;
  size_t bytes_ = 0;
};

}  // namespace vectron::rpc
