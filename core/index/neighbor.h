// A slot with its distance, and their one total order: (distance, slot).
//
// Walks keep neighbours as 64-bit keys whose integer order is that order, so heaps compare one word
// and ties are never left to chance.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>

namespace vectron::index {

/// A vector's position in one index instance: given out in increasing order from 0, never reused.
using Slot = uint32_t;
/// Slots of one index instance.
inline constexpr Slot kSlotsMax = 1u << 31;

struct Neighbor {
  /// Smaller is nearer. Never NaN, never -0.
  float distance = 0;
  Slot slot = 0;
  bool operator==(const Neighbor&) const = default;
};

/// A neighbour as an integer: the distance's bits made monotone, then the slot.
using NeighborKey = uint64_t;

inline NeighborKey neighbor_key(float distance, Slot slot) {
  const uint32_t bits = std::bit_cast<uint32_t>(distance);
  const uint32_t monotone = bits ^ (bits >> 31 != 0 ? 0xffffffffu : 0x80000000u);
  return static_cast<uint64_t>(monotone) << 32 | slot;
}

inline Slot slot_of(NeighborKey key) {
  return static_cast<Slot>(key);
}

inline float distance_of(NeighborKey key) {
  const uint32_t monotone = static_cast<uint32_t>(key >> 32);
  return std::bit_cast<float>(monotone ^ (monotone >> 31 != 0 ? 0x80000000u : 0xffffffffu));
}

}  // namespace vectron::index
