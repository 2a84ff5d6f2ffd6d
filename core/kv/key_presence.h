// KeyPresence: which keys a store holds, in memory, as hashes: what makes "not found" a proof.
//
// LMDB has no checksums: a flipped bit in a key, or in a page that leads to it, makes the key
// vanish without a word. Values are checked by the hash beside them; an absence is believed only
// when this set does not have the key either. Filled by the check of the whole store when it is
// opened, and kept by its commits. Belongs to one KvStore, on its event loop.
//
// 64-bit hashes under a seed of the process, in 256 tables with linear probing, so that none grows
// for long at once: about 11 bytes a key.
#pragma once

#include <array>
#include <vector>

#include "core/kv/kv_format.h"

namespace vectron {

class KeyPresence {
 public:
  explicit KeyPresence(uint64_t seed) : seed_(seed) {}

  /// Never 0.
  uint64_t hash_of(kv_format::Space space, ByteView key) const;
  bool contains(uint64_t hash) const;
  /// Do nothing when it is so already. O(1), now and then O(size() / 256).
  void insert(uint64_t hash);
  void erase(uint64_t hash);
  void set(uint64_t hash, bool present) { present ? insert(hash) : erase(hash); }

  size_t size() const { return size_; }
  uint64_t bytes() const { return bytes_; }

 private:
  /// Open addressing: 0 is free.
  struct Table {
    std::vector<uint64_t> slots;
    size_t used = 0;
  };
  static size_t home(const Table& table, uint64_t hash);
  /// The slot of `hash`, or the free one where it belongs. Requires: there is a free slot.
  static size_t find(const Table& table, uint64_t hash);
  Table& table_of(uint64_t hash) { return tables_[hash >> 56]; }
  void resize(Table* table, size_t slots);

  uint64_t seed_;
  std::array<Table, 256> tables_;
  size_t size_ = 0;
  uint64_t bytes_ = 0;
};

/// The changes of one commit to the set. From its construction until committed() neither the keys
/// that it erases nor those that it puts are in the set: meanwhile either may be found.
class KeyPresenceChange {
 public:
  /// Requires: no other change of `presence` is under way; it outlives this.
  KeyPresenceChange(KeyPresence* presence, const KvBatch& batch);

  /// For each operation of the batch: whether its key must be there when its turn comes.
  std::vector<uint8_t> take_expected() { return std::move(expected_); }
  void committed();
  /// Nothing happened.
  void undo();

 private:
  struct Step {
    uint64_t hash = 0;
    bool was_there = false;
  };
  KeyPresence* presence_;
  std::vector<Step> steps_;
  std::vector<uint64_t> put_;
  std::vector<uint8_t> expected_;
};

}  // namespace vectron
