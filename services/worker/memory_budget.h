// MemoryBudget: how many bytes a worker keeps in memory, what for, and whether more may come.
//
// Bytes are counted, never measured from the process: each part says what it holds, the Worker adds
// that up some times a second (Worker::count_memory), and what is let in meanwhile counts besides.
// Owned by the Worker, which its shards ask. Pure: it is told everything.
#pragma once

#include <cstdint>
#include <utility>

#include "core/env/metrics.h"

namespace vectron {

/// What counted bytes are for.
struct MemoryUse {
  /// Raft entries: not committed yet, or kept for followers that lag.
  uint64_t log = 0;
  /// Applied writes that are not in LMDB yet.
  uint64_t overlay = 0;
  /// Pieces of snapshots, sent or received.
  uint64_t snapshot = 0;
  /// Linked or in the flat tail.
  uint64_t vectors = 0;
  /// Of the graphs, and tombstones.
  uint64_t links = 0;
  /// Which point each slot is, and which keys the store holds.
  uint64_t points = 0;
  /// The second indexes of rebuilds.
  uint64_t rebuild = 0;
  /// Request ids that are remembered.
  uint64_t requests = 0;

  uint64_t total() const {
    return log + overlay + snapshot + vectors + links + points + rebuild + requests;
  }
  MemoryUse& operator+=(const MemoryUse& other);
};

class MemoryBudget {
 public:
  /// `bytes_max` 0: without a bound.
  explicit MemoryBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

  /// All that is held now, of which the index of one shard is `largest_index_bytes` at most. That
  /// much is kept free, so that the index can always be built anew without its tombstones: else
  /// memory that is full of them would never come back.
  void count(const MemoryUse& use, uint64_t largest_index_bytes);
  /// Lets `bytes` in, or not. What is let in counts until the second count() from now, which sees
  /// it.
  bool admit(uint64_t bytes);

  /// Whether no more points should come to this worker. It stays so until a sixteenth is free.
  bool full() const { return full_; }
  /// Whether to give back what can be given back: above seven eighths.
  bool pressed() const { return bytes_max_ != 0 && wanted() > bytes_max_ - bytes_max_ / 8; }
  /// Whether it holds more than it may, so that a rebuild must end.
  bool exceeded() const { return bytes_max_ != 0 && held() > bytes_max_; }
  /// Whether a second index of so many bytes has room.
  bool fits(uint64_t bytes) const { return bytes_max_ == 0 || held() + bytes <= bytes_max_; }

  const MemoryUse& use() const { return use_; }
  uint64_t bytes_max() const { return bytes_max_; }
  /// Sets the gauges worker_memory_*.
  void tell(Metrics* metrics) const;

  /// Whoever builds an index anew holds this: one at a time, which is what room is kept for.
  bool begin_rebuild() { return !std::exchange(rebuilding_, true); }
  void end_rebuild() { rebuilding_ = false; }

 private:
  uint64_t held() const { return use_.total() + admitted_ + admitted_before_; }
  /// With what is kept free for a rebuild, as far as none uses it already.
  uint64_t wanted() const;

  const uint64_t bytes_max_;
  MemoryUse use_;
  uint64_t largest_index_bytes_ = 0;
  /// Since the last count.
  uint64_t admitted_ = 0;
  /// Between the last count and the one before.
  uint64_t admitted_before_ = 0;
  bool full_ = false;
  bool rebuilding_ = false;
};

}  // namespace vectron
