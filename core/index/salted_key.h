// Keys of neighbours in which ties of distance are settled in another order for each base.
//
// Equal distances are common (bits, one-hot vectors, lattices). Were ties always settled by slot,
// every node would link to the same few. So each base has an order of its own among equals, in
// which any slot may come first: the lower half of a key is the slot, xored with the base's salt
// and multiplied by an odd number, which can be undone.
#pragma once

#include <cstdint>

#include "core/base/hash.h"
#include "core/index/neighbor.h"

namespace vectron::index {

inline constexpr uint32_t kTieFactor = 0x9e3779b1;
constexpr uint32_t inverse_of(uint32_t odd) {
  uint32_t inverse = odd;  // right in 3 bits; each step doubles them (Newton)
  for (int bits = 3; bits < 32; bits *= 2) inverse *= 2 - odd * inverse;
  return inverse;
}
inline constexpr uint32_t kTieFactorInverse = inverse_of(kTieFactor);
static_assert(kTieFactor * kTieFactorInverse == 1);

/// Of a search.
inline constexpr uint32_t kQuerySalt = 0x76656374;
/// Of a node whose neighbours are chosen.
inline uint32_t salt_of(Slot base) {
  return static_cast<uint32_t>(mix64(base));
}

/// The key of a neighbour in the order of `salt`.
inline NeighborKey salted_key(float distance, Slot slot, uint32_t salt) {
  return neighbor_key(distance, (slot ^ salt) * kTieFactor);
}

/// Its slot again. Requires: the same salt.
inline Slot salted_slot(NeighborKey key, uint32_t salt) {
  return (slot_of(key) * kTieFactorInverse) ^ salt;
}

/// Whether `a` is farther away than `b`, whatever their slots.
inline bool farther(NeighborKey a, NeighborKey b) {
  return a >> 32 > b >> 32;
}

}  // namespace vectron::index
