// OverlayStore: what a replica has applied but not yet committed to its KvStore, over that KvStore.
//
// Apply writes here and is visible at once; a flush commits the oldest entries to LMDB later, with
// the applied index in the same transaction, and only entries that are durable in this node's
// write-ahead log. After a crash the store holds the state at flushed_index() exactly, and the log
// replays the rest. Owned by one replica, lives on the node's event loop.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "core/async/sync.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/env/env.h"
#include "core/kv/kv_store.h"

namespace vectron {

struct OverlayConfig {
  /// has_room() turns false above this: the replica then applies nothing until a flush made room.
  size_t overlay_bytes_max = size_t{64} << 20;
  /// About how much one flush commits: whole entries up to this, at least one entry. At most
  /// KvConfig::batch_bytes_max less 256 for the applied index, and an entry's writes must fit into
  /// that.
  size_t flush_bytes_max = size_t{8} << 20;
  /// The same in keys written: putting them in order is work of the event loop, about a millisecond
  /// for these.
  size_t flush_writes_max = 4'096;
  /// flush_loop() flushes once this much is waiting, or something has waited for flush_interval.
  size_t flush_bytes_min = size_t{1} << 20;
  /// How long something waits for flush_loop() at most. Each flush is a commit with a sync of its
  /// own, for every replica of the node; what waits is in the write-ahead log, so waiting risks
  /// nothing.
  Duration flush_interval = std::chrono::seconds(1);
  /// The pause of flush_loop() after the disk was full.
  Duration full_pause = std::chrono::milliseconds(500);

  /// Errors: invalid_argument, naming the field.
  Result<void> validate(const KvConfig& kv) const;
};

/// See the top of this file.
class OverlayStore {
 public:
  /// Takes up the state that `store` holds: applied_index() and flushed_index() are its. Requires:
  /// `env` and `store` outlive the overlay, and nobody else commits to the store.
  /// Errors: data_loss, invalid_argument.
  static Result<std::unique_ptr<OverlayStore>> open(Env* env, KvStore* store, OverlayConfig config);

  OverlayStore(const OverlayStore&) = delete;
  OverlayStore& operator=(const OverlayStore&) = delete;

  // ---- Apply: begin_entry, any number of put and erase, end_entry; no await between. ----

  /// Starts entry `index`. Requires: index > applied_index().
  void begin_entry(LogIndex index);
  /// Requires: between begin_entry and end_entry; keys of 1 to kKvKeyBytesMax bytes. Reads the hash
  /// of the old pair for the digest. Errors: data_loss (the replica must stop).
  Result<void> put(ByteView key, KvValue value);
  Result<void> put(ByteView key, Bytes value) {
    return put(key, std::make_shared<const Bytes>(std::move(value)));
  }
  Result<void> erase(ByteView key);
  /// Completes the entry: from now on it may be flushed. applied_index() becomes its index.
  void end_entry();
  /// The open entry could not be applied: nothing is flushed any more, and the replica must stop.
  void fail_entry(const Status& why);

  // ---- Reads: at applied_index() (inside an entry: with its writes so far). ----

  /// The value of `key`; none when absent. Errors: data_loss.
  Result<std::optional<Bytes>> get(ByteView key);
  /// The pairs in order of keys, overlay and store merged; as KvStore::scan. The visitor must not
  /// call the overlay.
  Result<KvScanEnd> scan(const KvScanRange& range, const KvVisitor& visitor);
  LogIndex applied_index() const { return applied_index_; }
  /// The digest of the content at applied_index(): equal on all replicas that applied the same
  /// entries, however much of them is flushed. O(1).
  uint64_t digest() const { return digest_; }

  // ---- Flush. ----

  /// Says that all applied entries up to `index` are durable in this node's log. Never moves back.
  void set_durable_index(LogIndex index);
  /// What the store holds durably: the entries up to here need no replay.
  LogIndex flushed_index() const { return flushed_index_; }
  /// Bytes of the writes that are not flushed (keys, values, kKvOperationOverheadBytes each).
  size_t overlay_bytes() const { return overlay_bytes_; }
  bool has_room() const { return overlay_bytes_ < config_.overlay_bytes_max; }
  /// Waits until has_room() (at once when it is so) or until flushing has failed.
  Task<Result<void>> wait_for_room();

  /// Commits the oldest flushable entries; true when some were, false when there was nothing to do.
  /// A call while another flush runs waits for its turn. Errors: those of KvStore::commit.
  Task<Result<bool>> flush_some();
  /// Flushes all entries up to `index`. Requires: they are applied and durable.
  Task<Result<void>> flush_to(LogIndex index);
  /// Makes flush_loop() flush what is applied now without waiting for more to come.
  void request_flush();
  /// Flushes by the limits of the configuration, for ever: spawn it once. A full disk is tried
  /// again; returns the error when the store failed, and the replica must stop then.
  Task<Result<void>> flush_loop();
  /// Waits until no commit is in flight; none begins while the permit lives. Whoever ends those
  /// that flush does it meanwhile, so that the store can be closed and its folder removed.
  Task<Semaphore::Permit> hold_flushes() { return flush_turn_.acquire(); }

  // ---- The applied index inside a store, for snapshots. ----

  /// Adds to `batch` the record that says "this store is at `index`"; for building a store from a
  /// snapshot (give it with the last batch).
  static void put_applied_index(KvBatch* batch, LogIndex index);
  /// The applied index of the commit that `reader` sees; 0 when there is none. Errors: data_loss.
  static Result<LogIndex> applied_index_of(KvReader* reader);
  /// The same of the latest commit of `store`.
  static Result<LogIndex> applied_index_of(KvStore* store);

 private:
  /// One write, in order of apply. `value` null: erased.
  struct Write {
    LogIndex index;
    const Bytes* key = nullptr;  // In latest_, which holds the key as long as a write of it waits.
    KvValue value;
    size_t bytes = 0;
  };
  /// The last write of a key, and its pair's hash.
  struct Latest {
    KvValue value;
    uint64_t pair_hash = 0;
    uint32_t waiting = 0;  // Writes of this key in writes_.
  };
  struct ByteOrder {
    using is_transparent = void;
    bool operator()(ByteView a, ByteView b) const;
  };
  /// A prefix of writes_ that one commit takes.
  struct Prefix {
    size_t writes = 0;
    LogIndex index;
  };

  OverlayStore(Env* env, KvStore* store, OverlayConfig config, LogIndex applied_index);

  Result<void> write(ByteView key, KvValue value);
  Result<std::optional<uint64_t>> old_pair_hash(ByteView key);
  bool has_flushable() const { return flushable_index() > flushed_index_; }
  bool flush_is_due() const;
  Task<bool> wait_until_due();
  LogIndex flushable_index() const;
  Prefix next_prefix() const;
  KvBatch batch_of(const Prefix& prefix) const;
  Task<Result<void>> commit_prefix(Prefix prefix);
  void drop_prefix(const Prefix& prefix);

  Env* env_;
  KvStore* store_;
  OverlayConfig config_;

  std::map<Bytes, Latest, ByteOrder> latest_;
  std::deque<Write> writes_;
  size_t overlay_bytes_ = 0;
  uint64_t digest_ = 0;
  LogIndex applied_index_;
  LogIndex entry_index_;  // Of the open entry; 0 between entries.
  size_t entry_bytes_ = 0;
  LogIndex durable_index_;
  LogIndex flushed_index_;
  LogIndex requested_index_;  // Asked for by request_flush().
  Status failure_;

  Semaphore flush_turn_;
  Condition flushable_;
  Condition room_;
};

}  // namespace vectron
