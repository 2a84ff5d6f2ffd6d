#include "core/kv/key_presence.h"

#include <algorithm>

#include "core/base/hash.h"

namespace vectron {
namespace {

constexpr size_t kSlotsMin = 8;
/// A table grows by half when more than a part of it would be used, and shrinks below the other.
/// The tables fill at one pace, so each has a bound of its own: else all would grow at once.
constexpr size_t kFullPercentMin = 70;
constexpr size_t kFullPercentSpread = 20;
constexpr size_t kSparsePercent = 30;

size_t full_percent(uint64_t hash) {
  return kFullPercentMin + (hash >> 56) % kFullPercentSpread;
}

}  // namespace

uint64_t KeyPresence::hash_of(kv_format::Space space, ByteView key) const {
  const uint64_t hash = hash64(key, seed_ + static_cast<uint64_t>(space));
  return hash == 0 ? 1 : hash;
}

// The top 8 bits chose the table.
size_t KeyPresence::home(const Table& table, uint64_t hash) {
  const uint64_t middle = hash >> 24 & 0xffffffff;
  return static_cast<size_t>(middle * table.slots.size() >> 32);
}

size_t KeyPresence::find(const Table& table, uint64_t hash) {
  size_t at = home(table, hash);
  while (table.slots[at] != 0 && table.slots[at] != hash) {
    at = at + 1 == table.slots.size() ? 0 : at + 1;
  }
  return at;
}

bool KeyPresence::contains(uint64_t hash) const {
  const Table& table = tables_[hash >> 56];
  return !table.slots.empty() && table.slots[find(table, hash)] == hash;
}

void KeyPresence::insert(uint64_t hash) {
  Table& table = table_of(hash);
  if ((table.used + 1) * 100 > table.slots.size() * full_percent(hash)) {
    resize(&table, std::max(kSlotsMin, table.slots.size() + table.slots.size() / 2));
  }
  const size_t at = find(table, hash);
  if (table.slots[at] == hash) return;
  table.slots[at] = hash;
  ++table.used;
  ++size_;
}

void KeyPresence::erase(uint64_t hash) {
  Table& table = table_of(hash);
  if (table.slots.empty()) return;
  size_t free = find(table, hash);
  if (table.slots[free] != hash) return;
  --table.used;
  --size_;
  // What comes after it in its run moves up, unless it would stand before its home.
  const size_t slots = table.slots.size();
  for (size_t at = (free + 1) % slots; table.slots[at] != 0; at = (at + 1) % slots) {
    const size_t from_home = (at + slots - home(table, table.slots[at])) % slots;
    if (from_home < (at + slots - free) % slots) continue;
    table.slots[free] = table.slots[at];
    free = at;
  }
  table.slots[free] = 0;
  if (slots > kSlotsMin && table.used * 100 < slots * kSparsePercent) {
    resize(&table, std::max(kSlotsMin, slots / 2));
  }
}

void KeyPresence::resize(Table* table, size_t slots) {
  std::vector<uint64_t> old(slots, 0);
  old.swap(table->slots);
  bytes_ = bytes_ + slots * sizeof(uint64_t) - old.size() * sizeof(uint64_t);
  for (const uint64_t hash : old) {
    if (hash != 0) table->slots[find(*table, hash)] = hash;
  }
}

KeyPresenceChange::KeyPresenceChange(KeyPresence* presence, const KvBatch& batch)
    : presence_(presence) {
  steps_.reserve(batch.size());
  expected_.reserve(batch.size());
  for (const KvBatch::Operation& operation : batch.operations()) {
    const auto space = static_cast<kv_format::Space>(operation.space);
    const uint64_t hash = presence_->hash_of(space, batch.key_of(operation));
    const bool is_there = presence_->contains(hash);
    steps_.push_back({hash, is_there});
    expected_.push_back(is_there ? 1 : 0);
    presence_->set(hash, operation.value != nullptr);
  }
  for (const Step& step : steps_) {
    if (!step.was_there && presence_->contains(step.hash)) put_.push_back(step.hash);
  }
  for (const uint64_t hash : put_) presence_->erase(hash);
}

void KeyPresenceChange::committed() {
  for (const uint64_t hash : put_) presence_->insert(hash);
}

void KeyPresenceChange::undo() {
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    presence_->set(step->hash, step->was_there);
  }
}

}  // namespace vectron
