// RequestMemory: which requests a shard has carried out, so that a repetition is recognised and
// answered as the first time.
//
// Part of a ShardState, touched in apply() and load() alone, and deterministic as they are: it
// reads no clock. Its records lie in the shard's store, between the points of hash 0 and those of
// others, so snapshots and digests cover them; in memory it keeps only their order of age.
#pragma once

#include <map>
#include <optional>

#include "core/base/time.h"
#include "core/replica/overlay.h"
#include "schemas/storage_messages.h"

namespace vectron {

/// How long requests are remembered. No option sets it: it is the same for all replicas of a shard,
/// which must forget alike.
struct RequestMemoryLimits {
  /// Never forgotten while fewer are younger.
  size_t requests_min = 4'096;
  /// How many there are at most: the oldest goes for a new one, unless it is too young.
  size_t requests_max = 262'144;
  /// How old a record grows while there is room.
  Duration kept_for = 10min;
  /// No record that is younger is forgotten: there is no room for a new one then. Longer than the
  /// longest time for which a gateway goes on repeating a write.
  Duration kept_at_least = 2min;
};

/// Its time is what passed between entries by their timestamps, where a step counts as
/// kept_at_least at most: neither a clock that jumps, nor another leader's, makes it forget all at
/// once or keep everything for as long as it jumped.
class RequestMemory {
 public:
  struct Key {
    uint64_t request_id = 0;
    uint32_t piece = 0;
    auto operator<=>(const Key&) const = default;
  };

  explicit RequestMemory(RequestMemoryLimits limits = {}) : limits_(limits) {}

  /// Forgets everything and begins to take up what `store` holds, which lives until the next load.
  /// Load pages until there is no next one; nothing else is asked meanwhile.
  void begin_load(OverlayStore* store);
  /// Records taken up in one turn of the event loop by a load.
  static constexpr size_t kLoadPageRecordsMax = 1'000;
  /// Takes up at most `records_max` from the key `from` on; the first page is from an empty key.
  /// Errors: data_loss.
  Result<KvScanEnd> load_page(const Bytes& from, size_t records_max = kLoadPageRecordsMax);
  /// The record of a request that was carried out, if it is remembered. Errors: data_loss.
  Result<std::optional<stored::RequestRecord>> find(Key key) const;
  /// Whether the record of an entry with the timestamp `clock` would not make it forget a record
  /// that is too young for that.
  bool has_room(uint64_t clock) const;
  /// Stores the record of an entry that is being applied (its clock is the entry's timestamp; its
  /// own timestamp is filled in) and forgets what is too old, a few records at a time. Requires: it
  /// is not remembered yet, has_room(). Errors: those of the store.
  Result<void> remember(stored::RequestRecord record);
  size_t size() const { return by_age_.size(); }
  /// Counted bytes in memory.
  uint64_t bytes() const {
    constexpr uint64_t kNodeBytes = sizeof(std::pair<const uint64_t, Aging>) + 4 * sizeof(void*);
    return by_age_.size() * kNodeBytes;
  }

 private:
  struct Aging {
    Key key;
    uint64_t timestamp = 0;
  };
  uint64_t time_at(uint64_t clock) const;
  bool oldest_is_due() const;

  RequestMemoryLimits limits_;
  OverlayStore* store_ = nullptr;
  std::map<uint64_t, Aging> by_age_;  // By log index; an entry belongs to one request.
  uint64_t time_ = 0;                 // When the newest record was made.
  uint64_t clock_ = 0;                // The timestamp of its entry.
};

/// The key of a request's record: eight zero bytes where a point has its hash, 'r' where a point
/// has its tag ('n' or 't'), the id and the piece in big-endian order.
Bytes request_key(RequestMemory::Key key);
bool is_request_key(ByteView key);
/// The record under such a key. Errors: data_loss.
Result<stored::RequestRecord> read_request(ByteView key, ByteView value);

}  // namespace vectron
