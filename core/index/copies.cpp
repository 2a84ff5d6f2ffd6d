#include "core/index/copies.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/assert.h"
#include "core/base/hash.h"

namespace vectron::index {

namespace {

constexpr size_t kPlacesMin = 64;
constexpr uint64_t kRowKey = 0x766563726f77;  // separates row hashes from all others

}  // namespace

bool Copies::join(Slot slot) {
  const uint32_t hash = hash_of(slot);
  const std::scoped_lock lock(mutex_);
  if (table_.empty()) return false;
  const Place* place = find(slot, hash);
  if (place->node == 0) return false;
  const Slot node = place->node - 1;
  VECTRON_ASSERT(node != slot && next_of(slot) == 0, "slot {} joins node {}", slot, node);
  // The copy knows the rest of the chain before the chain knows the copy.
  set_next(slot, next_of(node));
  set_next(node, slot + 1);
  count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void Copies::publish(Slot node) {
  const uint32_t hash = hash_of(node);
  const std::scoped_lock lock(mutex_);
  // At most two thirds full, so that a search for a place is short.
  if (3 * (published_ + 1) > 2 * table_.size()) grow();
  Place* place = find(node, hash);
  if (place->node != 0) return;
  *place = {.hash = hash, .node = node + 1};
  ++published_;
}

uint32_t Copies::hash_of(Slot slot) const {
  return static_cast<uint32_t>(hash64(vectors_.content(slot), kRowKey));
}

bool Copies::equal(Slot a, Slot b) const {
  const std::span<const uint8_t> content = vectors_.content(a);
  return std::memcmp(content.data(), vectors_.content(b).data(), content.size()) == 0;
}

// The place of the node with the row of `slot`, or the empty one where it would be.
Copies::Place* Copies::find(Slot slot, uint32_t hash) {
  const size_t mask = table_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Place& place = table_[i];
    if (place.node == 0 || (place.hash == hash && equal(place.node - 1, slot))) return &place;
  }
}

void Copies::grow() {
  const std::vector<Place> before = std::exchange(table_, {});
  table_.resize(std::max(kPlacesMin, 2 * before.size()));
  table_bytes_.store(table_.size() * sizeof(Place), std::memory_order_relaxed);
  const size_t mask = table_.size() - 1;
  for (const Place& place : before) {
    if (place.node == 0) continue;
    size_t i = place.hash & mask;
    while (table_[i].node != 0) i = (i + 1) & mask;
    table_[i] = place;
  }
}

}  // namespace vectron::index
