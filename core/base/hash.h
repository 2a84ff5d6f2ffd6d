// Hashes: XXH3 with pinned seeds. Their values are part of stored formats, so they never change.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/base/bytes.h"

namespace vectron {

/// XXH3-64 of `bytes`. The seed gives independent functions.
uint64_t hash64(ByteView bytes, uint64_t seed = 0);
inline uint64_t hash64(std::string_view text, uint64_t seed = 0) {
  return hash64(as_bytes(text), seed);
}

/// The checksum of our records and frames: XXH3-64 with a seed of its own, so that it never equals
/// a key hash.
uint64_t checksum64(ByteView bytes);

/// checksum64 of bytes that come in pieces.
class ChecksumStream {
 public:
  ChecksumStream();
  ChecksumStream(ChecksumStream&&) noexcept;
  ChecksumStream& operator=(ChecksumStream&&) noexcept;
  ~ChecksumStream();

  void add(ByteView bytes);
  /// Of all that was added.
  uint64_t value() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A bijective mixer of 64 bits (splitmix64's finaliser; Steele, Lea, Flood 2014).
constexpr uint64_t mix64(uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

/// Folds a sequence of values into 128 bits, order-sensitive: the trace hash of a simulation.
class TraceHash {
 public:
  void add(uint64_t value) {
    low_ = mix64(low_ ^ value);
    high_ = mix64(high_ + low_);
  }
  void add(ByteView bytes) { add(hash64(bytes, 0x7472616365ULL)); }
  uint64_t low() const { return low_; }
  uint64_t high() const { return high_; }
  bool operator==(const TraceHash&) const = default;

 private:
  uint64_t low_ = 0;
  uint64_t high_ = 0;
};

}  // namespace vectron
