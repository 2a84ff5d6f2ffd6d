// Random numbers from integers only, in independent streams keyed by name.
//
// A stream is a counter put through a mixer, so two streams never influence one another: removing
// one event from a simulation does not reshuffle the rest, and a failure can be shrunk. No floating
// point and no standard distribution takes part, because those differ between libraries.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/assert.h"
#include "core/base/hash.h"

namespace vectron {

/// One stream. Copying it copies its position.
class RandomStream {
 public:
  RandomStream() = default;
  explicit RandomStream(uint64_t key) : key_(mix64(key)) {}
  /// The stream `name` of `seed`; `epoch` separates incarnations of the same thing.
  RandomStream(uint64_t seed, std::string_view name, uint64_t epoch = 0)
      : key_(mix64(mix64(seed) ^ hash64(name, epoch))) {}

  uint64_t next() { return mix64(key_ + mix64(counter_++)); }

  /// Uniform in [0, bound). Requires: bound > 0. (Lemire 2019, multiply-shift; its bias is below
  /// bound / 2^64.)
  uint64_t below(uint64_t bound) {
    VECTRON_ASSERT(bound > 0);
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  /// Uniform in [low, high], both included. Requires: low <= high.
  uint64_t between(uint64_t low, uint64_t high) {
    VECTRON_ASSERT(low <= high);
    return high - low == UINT64_MAX ? next() : low + below(high - low + 1);
  }
  /// True with probability `parts_per_million` / 1,000,000.
  bool chance_ppm(uint64_t parts_per_million) { return below(1'000'000) < parts_per_million; }

  /// A heavy-tailed value in [low, high]: each doubling of the distance from `low` is about half as
  /// likely.
  uint64_t heavy_tail(uint64_t low, uint64_t high);

  /// A float in [-1, 1) with 24 random bits: exact, so the same on every machine.
  float unit_float() {
    return static_cast<float>(static_cast<int32_t>(next() >> 40) - (1 << 23)) / (1 << 23);
  }

 private:
  uint64_t key_ = 0;
  uint64_t counter_ = 0;
};

}  // namespace vectron
