// BodyMemory: the bytes that servers hold for their peers (what arrives, what is worked on, and
// what waits to be taken), against one bound.
//
// Each connection has a BodyShare, by the host that it comes from: one host may hold a part of the
// whole only. Who holds some has a HeldBytes, which says how much at present. Of every bound large
// things that arrive leave a quarter, of which answers in the making may use half: small things
// always find room. Those that are bounded by their number need not be counted. Single-threaded.
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
    /// Of one host.
    size_t host_bytes_max = SIZE_MAX;
  };
  explicit BodyMemory(Limits limits) : limits_(limits) {}
  BodyMemory(const BodyMemory&) = delete;
  BodyMemory& operator=(const BodyMemory&) = delete;
  ~BodyMemory() { VECTRON_ASSERT(bytes_ == 0, "{} bytes are still held", bytes_); }

  size_t bytes() const { return bytes_; }
  /// Hosts that have a connection.
  size_t hosts() const { return hosts_.size(); }
  /// The most that was ever held at once.
  size_t bytes_peak() const { return bytes_peak_; }
  size_t bytes_max() const { return limits_.bytes_max; }
  size_t host_bytes_max() const { return limits_.host_bytes_max; }
  /// How many connections there are from the host of `address` ("host:port").
  size_t connections_from(std::string_view address) const {
    const auto found = hosts_.find(host_of(address));
    return found == hosts_.end() ? 0 : found->second.shares;
  }

  /// A body of more bytes counts as large.
  static constexpr size_t kSmallBytesMax = 64 << 10;

 private:
  friend class BodyShare;
  friend class HeldBytes;
  struct Host {
    size_t bytes = 0;
    size_t answer_bytes = 0;  // Of these, answers that are being made.
    size_t shares = 0;
    size_t requests = 0;
  };

  static std::string_view host_of(std::string_view address) {
    return address.substr(0, address.rfind(':'));
  }

  const Limits limits_;
  size_t bytes_ = 0;
  size_t answer_bytes_ = 0;
  size_t bytes_peak_ = 0;
  std::map<std::string, Host, std::less<>> hosts_;
};

/// The share of a server's bytes that one connection may hold.
class BodyShare {
 public:
  /// `address` is "host:port" of the peer; `memory` outlives this.
  BodyShare(BodyMemory* memory, std::string_view address)
      : memory_(*memory),
        host_(memory->hosts_.try_emplace(std::string(BodyMemory::host_of(address))).first) {
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
  /// The same for an answer that is being made, of which there are `more` bytes more. All of those
  /// have a half of each bound, or they would keep out what other members send; an eighth that
  /// large things that arrive may not have, or these would keep out answers; and the last eighth is
  /// for small things.
  bool fits_answer(size_t more) const {
    const size_t bytes_max = memory_.limits_.bytes_max;
    const size_t host_bytes_max = memory_.limits_.host_bytes_max;
    return within(memory_.answer_bytes_, more, bytes_max / 2, false) &&
           within(host_->second.answer_bytes, more, host_bytes_max / 2, false) &&
           within(memory_.bytes_, more, bytes_max - bytes_max / 8, false) &&
           within(host_->second.bytes, more, host_bytes_max - host_bytes_max / 8, false);
  }
  /// Whether they stay within what the host may hold, whatever others hold.
  bool fits_host(size_t bytes) const {
    const bool large = bytes > BodyMemory::kSmallBytesMax;
    return within(host_->second.bytes, bytes, memory_.limits_.host_bytes_max, large);
  }

  /// So much may wait for each connection however much others hold.
  static constexpr size_t kUnreadBytesMax = 64 << 10;
  /// The same where its own host has used up its share: a few refusals.
  static constexpr size_t kRefusalBytesMax = 4 << 10;
  size_t unread_bytes_max() const {
    return fits_host(kUnreadBytesMax) ? kUnreadBytesMax : kRefusalBytesMax;
  }
  /// Whether there is room for an answer of `bytes` to a connection for which `waiting` wait.
  bool takes_answer(size_t bytes, size_t waiting) const {
    if (!fits_host(bytes)) return false;
    const bool much = bytes > BodyMemory::kSmallBytesMax || waiting > kUnreadBytesMax;
    return !much || fits(bytes);
  }
  /// Whether a connection for which `waiting` bytes wait has to take some of them first.
  bool must_read_first(size_t waiting) const {
    return waiting > unread_bytes_max() && !fits(kUnreadBytesMax);
  }

  /// Requests of the host's connections that are under way, as these say.
  size_t host_requests() const { return host_->second.requests; }
  void request_began() { ++host_->second.requests; }
  void requests_ended(size_t count = 1) {
    VECTRON_ASSERT(host_->second.requests >= count);
    host_->second.requests -= count;
  }

 private:
  friend class HeldBytes;
  static bool within(size_t held, size_t more, size_t bound, bool large) {
    const size_t limit = large ? bound - bound / 4 : bound;
    return more <= limit && held <= limit - more;
  }

  BodyMemory& memory_;
  std::map<std::string, BodyMemory::Host, std::less<>>::iterator host_;
};

/// Bytes that one holder has counted; none once it is gone.
class HeldBytes {
 public:
  enum class Of : uint8_t { anything, answer_in_the_making };

  /// `share` may be null: then nothing is counted. It outlives this.
  explicit HeldBytes(BodyShare* share, size_t bytes = 0, Of of = Of::anything)
      : share_(share), of_(of) {
    set(bytes);
  }
  HeldBytes(HeldBytes&& other) noexcept
      : share_(other.share_), of_(other.of_), bytes_(other.bytes_) {
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
    if (of_ == Of::answer_in_the_making) {
      memory.answer_bytes_ += more;
      share_->host_->second.answer_bytes += more;
    }
    memory.bytes_peak_ = std::max(memory.bytes_peak_, memory.bytes_);
  }

 private:
  BodyShare* share_;
  Of of_;
  size_t bytes_ = 0;
};

}  // namespace vectron
