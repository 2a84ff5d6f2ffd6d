// BodyMemory: the bytes that servers hold for their peers (what arrives, what is worked on, and
// what waits to be taken), against one bound.
//
// Each connection has a BodyShare, by the host that it comes from: one host may hold a part of the
// whole only. Who holds some has a HeldBytes, which says how much at present. A quarter of every
// bound is kept for small things, so that a few large ones never keep everybody else out. Small
// things that are bounded by their number need not be counted. Single-threaded.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "core/base/assert.h"

namespace vectron {

class BodyMemory {
 public:
  struct Limits {
    size_t bytes_max = 0;
    size_t host_bytes_max = SIZE_MAX;  ///< Of one host.
  };
  explicit BodyMemory(Limits limits) : limits_(limits) {}
  BodyMemory(const BodyMemory&) = delete;
  BodyMemory& operator=(const BodyMemory&) = delete;
  ~BodyMemory() { VECTRON_ASSERT(bytes_ == 0, "{} bytes are still held", bytes_); }

  size_t bytes() const { return bytes_; }
  /// The most that was ever held at once.
  size_t bytes_peak() const { return bytes_peak_; }
  size_t bytes_max() const { return limits_.bytes_max; }

  /// What is larger counts as large.
  static constexpr size_t kSmallBytesMax = 64 << 10;

 private:
  friend class BodyShare;
  friend class HeldBytes;
  struct Host {
    size_t bytes = 0;
    size_t shares = 0;
  };

  const Limits limits_;
  size_t bytes_ = 0;
  size_t bytes_peak_ = 0;
  std::map<std::string, Host, std::less<>> hosts_;
};

/// What one connection may hold.
class BodyShare {
 public:
  /// `address` is "host:port" of the peer; `memory` outlives this.
  BodyShare(BodyMemory* memory, std::string_view address)
      : memory_(*memory),
        host_(
            memory->hosts_.try_emplace(std::string(address.substr(0, address.rfind(':')))).first) {
    ++host_->second.shares;
  }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;
  ~BodyShare() {
    if (--host_->second.shares == 0) memory_.hosts_.erase(host_);
  }

  /// Whether so many bytes more, of something that has `whole_bytes` in the end, stay within the
  /// bounds.
  bool fits(size_t more, size_t whole_bytes) const {
    const bool large = whole_bytes > BodyMemory::kSmallBytesMax;
    return within(memory_.bytes_, more, memory_.limits_.bytes_max, large) &&
           within(host_->second.bytes, more, memory_.limits_.host_bytes_max, large);
  }
  bool fits(size_t bytes) const { return fits(bytes, bytes); }

 private:
  friend class HeldBytes;
  static bool within(size_t held, size_t more, size_t bound, bool large) {
    const size_t limit = large ? bound - bound / 4 : bound;
    return more <= limit && held <= limit - more;
  }

  BodyMemory& memory_;
  std::map<std::string, BodyMemory::Host, std::less<>>::iterator host_;
};

/// What one holder has; nothing once it is gone.
class HeldBytes {
 public:
  /// `share` may be null: then nothing is counted. It outlives this.
  explicit HeldBytes(BodyShare* share, size_t bytes = 0) : share_(share) { set(bytes); }
  HeldBytes(HeldBytes&& other) noexcept : share_(other.share_), bytes_(other.bytes_) {
    other.bytes_ = 0;
  }
  HeldBytes(const HeldBytes&) = delete;
  HeldBytes& operator=(const HeldBytes&) = delete;
  HeldBytes& operator=(HeldBytes&&) = delete;
  ~HeldBytes() { set(0); }

  size_t bytes() const { return bytes_; }
  void set(size_t bytes) {
    const size_t more = bytes - bytes_;  // Wraps where it is less, and so does adding it.
    bytes_ = bytes;
    if (share_ == nullptr) return;
    BodyMemory& memory = share_->memory_;
    memory.bytes_ += more;
    share_->host_->second.bytes += more;
    memory.bytes_peak_ = std::max(memory.bytes_peak_, memory.bytes_);
  }

 private:
  BodyShare* share_;
  size_t bytes_ = 0;
};

}  // namespace vectron
