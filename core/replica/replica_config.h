// Settings of the replicas of one node.
//
// Plain data, the same for all replicas of the node. The simulation draws small values so that
// every bound is reached.
#pragma once

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/kv/kv_config.h"
#include "core/raft/config.h"
#include "core/replica/overlay.h"
#include "core/wal/wal_types.h"

namespace vectron {

/// An entry that a node of this service proposes; each may be alone in a message to a follower.
inline constexpr size_t kLogEntryBytesMax = 1'344 << 10;
/// A message with several entries is looked at in one turn of the follower's event loop: they may
/// be thousands of small ones.
inline constexpr size_t kAppendBytesMax = 256 << 10;
/// Entries on the way to one follower: to one that lags they are sent, and encoded, in one turn of
/// the leader's event loop.
inline constexpr size_t kInflightBytesMax = 2 << 20;
static_assert(kAppendBytesMax <= kInflightBytesMax);
/// A piece of a snapshot is read and encoded in one turn of an event loop: 4 ms for so much.
inline constexpr size_t kSnapshotChunkBytesMax = 1 << 20;

struct ReplicaConfig {
  /// One Raft tick. Election and heartbeat intervals are counted in it.
  Duration tick_interval = 100ms;
  /// Ticks without a leader before a follower campaigns (up to twice that).
  uint32_t election_ticks = 10;
  uint32_t heartbeat_ticks = 2;
  /// Entry bytes in one append message; a larger entry goes alone.
  size_t append_bytes_max = kAppendBytesMax;
  /// Entry bytes that a leader has taken and not committed yet; more are refused.
  size_t uncommitted_bytes_max = 64 << 20;

  /// Proposals that wait for their entry; more are refused.
  size_t pending_proposals_max = 4096;
  /// Entries kept in memory and in the log behind what is in LMDB, for followers that lag; beyond
  /// it they get a snapshot.
  uint64_t log_entries_kept_max = 10'000;
  /// The same in bytes.
  size_t log_bytes_kept_max = 64 << 20;
  /// Bytes of entries, in memory and in the log, that are kept besides for a follower that answers
  /// and is behind: while a snapshot is on its way and until it has caught up. Beyond it the log is
  /// cut, and the follower may need another snapshot.
  size_t log_bytes_waiting_max = 128 << 20;
  /// Bytes of pairs in one chunk of a snapshot.
  size_t snapshot_chunk_bytes_max = 1 << 20;
  /// How long one chunk may take before the snapshot is given up (and begun again when Raft asks
  /// again).
  Duration snapshot_chunk_timeout = 10s;

  /// From one check of all that a replica has stored to the next one.
  Duration scrub_interval = std::chrono::hours(1);
  /// About how fast these checks read, over all replicas of the node together. 0: there are none.
  uint64_t scrub_bytes_per_second_max = uint64_t{8} << 20;

  OverlayConfig overlay;
  KvConfig kv;

  /// Errors: invalid_argument, naming the field.
  Result<void> validate() const;
};

/// How far a log may be cut: everything that is in the store, but for a tail that lagging followers
/// may still need. Returns an index below `first_index` when nothing is to be done. `flushed_index`
/// is what the store holds durably.
struct LogExtent {
  LogIndex first_index;
  LogIndex flushed_index;
  /// LogRetention::needed_from().
  LogIndex needed_from;
  /// In memory.
  size_t bytes = 0;
};
LogIndex compaction_index(const ReplicaConfig& config, const LogExtent& log);

}  // namespace vectron
