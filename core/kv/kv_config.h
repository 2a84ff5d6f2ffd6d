// Settings of one key-value store.
//
// A store belongs to one shard replica; the simulation draws small values, production takes these
// defaults from its configuration.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/result.h"
#include "core/base/time.h"

namespace vectron {

struct KvConfig {
  /// The most bytes that the store's file may ever take. A multiple of 4096. When it is reached,
  /// writes end with resource_exhausted.
  uint64_t map_bytes_max = uint64_t{64} << 30;
  /// The address space that an empty store takes: its map doubles from there when it is full, and
  /// takes all of map_bytes_max once it is large. A multiple of 4096.
  uint64_t map_bytes_start = uint64_t{16} << 20;
  /// Transactions that may read at once: one for get() and scan(), one for what checks the store
  /// (open(), scrub_some()), the rest for KvReader. At least 3.
  uint32_t readers_max = 64;
  /// The most bytes of keys and values in one commit, kKvOperationOverheadBytes for each operation
  /// included.
  size_t batch_bytes_max = size_t{64} << 20;
  /// A KvReader older than this ends with `aborted` (it pins pages that commits have replaced).
  Duration reader_age_max = std::chrono::minutes(10);
  /// The same once commits have replaced about this many bytes of pages since it was opened.
  uint64_t reader_pinned_bytes_max = uint64_t{4} << 30;
  /// How messages name the store's folder. Set by KvStore::open.
  std::string folder_name;
  /// Planted bug trust_rotten_value: no value is compared with its hash. Set by KvStore::open.
  bool planted_trust_values = false;
  /// Planted bug believe_absence: what is not found is taken for absent. Set by KvStore::open.
  bool planted_believe_absence = false;
  /// Planted bug short_write_is_damage: a write that ended early passes for a broken device. Set by
  /// KvStore::open.
  bool planted_short_write_is_damage = false;

  /// Errors: invalid_argument, naming the field.
  Result<void> validate() const;
};

}  // namespace vectron
