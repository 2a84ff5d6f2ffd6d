// KvStore: an ordered, durable map of byte strings: one LMDB environment in one folder.
//
// The only owner of LMDB. One store for each shard replica; the overlay (core/replica/overlay.h)
// lies over it. Lives on the node's event loop; only commit(), scrub_some(), open() and close() do
// their blocking part elsewhere, through BlockingDirectory::run.
//
// Integrity: LMDB has no checksums. Each value is stored with the hash of (key, value); for each
// bucket of keys the sum of these hashes is kept in the same transaction. Opening reads everything
// and compares it; from then on the store knows in memory which keys there are (key_presence.h), so
// that one that vanishes is never answered as absent, nor written anew. scrub_some() goes over
// everything again in slices. The format is drawn in docs/internals/kv.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/base/bytes.h"
#include "core/env/env.h"
#include "core/kv/kv_batch.h"
#include "core/kv/kv_config.h"

namespace vectron {

/// The hash of one pair, as it stands in the digests and beside each value.
uint64_t kv_pair_hash(ByteView key, ByteView value);

/// The keys that a scan covers, and when it stops. Keys are ordered as unsigned bytes.
struct KvScanRange {
  /// The first key; empty: from the start.
  Bytes from;
  /// Excluded; none: to the end.
  std::optional<Bytes> until;
  size_t items_max = SIZE_MAX;
  /// Keys and values; at least one item is always given.
  size_t bytes_max = SIZE_MAX;
};
/// Called for each pair in order of keys; returns whether to go on after this pair. The views live
/// until it returns, and are NOT aligned: copy before reading them as anything but bytes. It must
/// not call the store.
using KvVisitor = std::function<bool(ByteView key, ByteView value)>;

/// Where a scan stopped: the next `from` when there may be more, none at the end of the range.
using KvScanEnd = std::optional<Bytes>;

/// Sums over the whole content of a store, which each commit keeps up.
struct KvTotals {
  /// The sum of all pair hashes.
  uint64_t digest = 0;
  uint64_t item_count = 0;
};

class KeyPresence;
class KvStore;
namespace kv_format {
enum class Space : uint8_t;
}
namespace detail {
class KvEnvironment;
class KvTransaction;
}  // namespace detail

/// A view of the store at one commit, unmoved by later ones. It pins pages, so it has an age and a
/// byte limit (KvConfig); past them every call ends with `aborted`. Must be destroyed before its
/// store, and belongs to the same event loop.
class KvReader {
 public:
  ~KvReader();
  KvReader(const KvReader&) = delete;
  KvReader& operator=(const KvReader&) = delete;

  /// As the functions of KvStore. Errors, besides theirs: aborted (too old). Scans that follow one
  /// another from the first key to the last end with data_loss where not everything was seen.
  Result<std::optional<Bytes>> get_record(std::string_view name);
  Result<KvScanEnd> scan(const KvScanRange& range, const KvVisitor& visitor);
  /// The content's digest and count at this commit.
  uint64_t digest() const { return totals_.digest; }
  uint64_t item_count() const { return totals_.item_count; }

 private:
  friend class KvStore;
  KvReader(KvStore* store, std::unique_ptr<detail::KvTransaction> transaction);
  void expire_if_old();
  Result<void> check_age();

  KvStore* store_;
  std::unique_ptr<detail::KvTransaction> transaction_;  // Null once expired.
  Instant opened_;
  uint64_t pinned_from_bytes_;
  KvTotals totals_;
  KvScanEnd pass_next_;  // Where the pass from the first key on goes on.
  uint64_t pass_sum_ = 0;
};

class KvStore {
 public:
  /// Opens the store in the folder `path`, which it owns entirely (nothing else may lie in it); a
  /// folder that is absent or in which no creation was completed becomes an empty store. On return
  /// the store and the names in its folder and of its folder are durable, and all of it was read
  /// and compared with its hashes and digests.
  /// Errors: data_loss (damaged, or its file is gone), failed_precondition (a newer format),
  /// invalid_argument (configuration), resource_exhausted (disk full, no descriptors), unavailable
  /// (the device does not read now), permission_denied.
  static Task<Result<std::unique_ptr<KvStore>>> open(Env* env, std::string path, KvConfig config);
  /// Opens a store whose creation was completed, and never makes one: a part of it that is missing
  /// is damage. Changes no data of one that it refuses; where the marker is missing, LMDB looks
  /// whether there is any, and may leave its lock file. Errors: those of open(); not_found (nothing
  /// but what a creation leaves that was cut short).
  static Task<Result<std::unique_ptr<KvStore>>> open_existing(Env* env, std::string path,
                                                              KvConfig config);

  KvStore(const KvStore&) = delete;
  KvStore& operator=(const KvStore&) = delete;
  /// Requires: no KvReader of it lives, no scan runs. Does no I/O but to close descriptors. A
  /// commit that runs on another thread keeps the environment open until it ends.
  ~KvStore();

  /// The value of `key` at the latest commit, copied; none when it is absent. Errors: data_loss:
  /// the value is damaged; the key is gone though the store holds it; or it is absent in a store
  /// where damage was found, which proves nothing.
  Result<std::optional<Bytes>> get(ByteView key);
  /// A record (KvBatch::put_record).
  Result<std::optional<Bytes>> get_record(std::string_view name);
  /// The kv_pair_hash of `key`; none when it is absent. Errors: data_loss: it is not that of the
  /// value that is stored with it.
  Result<std::optional<uint64_t>> get_pair_hash(ByteView key);
  /// Visits the pairs of `range` at the latest commit; checks each. Errors: data_loss.
  Result<KvScanEnd> scan(const KvScanRange& range, const KvVisitor& visitor);

  /// Commits all of `batch`, or nothing of it, durably. A commit goes on when its task is
  /// destroyed; commits run one at a time. Reads go on meanwhile, and see all of it at some time
  /// before this returns. A map that is full grows first. Errors: resource_exhausted (the batch is
  /// above batch_bytes_max; the disk is full, the map is at map_bytes_max, there are no
  /// descriptors: nothing happened, the store goes on); data_loss and all others (the disk failed
  /// or became read-only: the store refuses all further commits, and only opening it again tells
  /// what is in it; or a key of the batch is gone though the store holds it).
  Task<Result<void>> commit(KvBatch batch);

  /// A view of the latest commit. Errors: resource_exhausted (readers_max).
  Result<std::unique_ptr<KvReader>> open_reader();

  /// Checks about `bytes_max` more of the store, between two commits; true while there is more,
  /// false at the end of a pass, which is compared with the digest. Errors: data_loss; unavailable
  /// (closed, or failed before).
  Task<Result<bool>> scrub_some(size_t bytes_max);

  /// A function of the set of (key, value) pairs alone, whatever the batches and the file layout:
  /// equal stores have equal digests. O(1). Of the last commit that returned.
  uint64_t digest() const { return totals_.digest; }
  uint64_t item_count() const { return totals_.item_count; }
  /// True once damage was found: then absence of a key proves nothing.
  bool damaged() const;
  /// Bytes of pages in use, of map_bytes_max; 0 once it is closed.
  uint64_t used_bytes() const;
  /// Memory that it keeps: of which keys there are.
  uint64_t memory_bytes() const;
  const KvConfig& config() const { return config_; }

  /// Waits for a commit in flight and closes; afterwards only the destructor may be called, and
  /// the folder may be opened again or removed. Requires: no KvReader lives.
  Task<void> close();

 private:
  friend class KvReader;
  KvStore(Env* env, KvConfig config, std::unique_ptr<BlockingDirectory> directory,
          std::shared_ptr<detail::KvEnvironment> environment);

  static Task<Result<std::unique_ptr<KvStore>>> open_marked(Env* env, std::string path,
                                                            KvConfig config, bool is_new);

  using Done = std::shared_ptr<Completion<Result<void>>>;
  Task<void> commit_for(KvBatch batch, Done done);
  Task<Result<void>> commit_in_turn(KvBatch batch);
  Task<void> scrub_for(size_t bytes_max, std::shared_ptr<Completion<Result<bool>>> done);
  Task<Result<bool>> scrub_in_turn(size_t bytes_max);
  Task<Result<void>> take_up();
  Result<std::optional<Bytes>> get_from(kv_format::Space space, ByteView key);
  Result<void> check_absent(kv_format::Space space, ByteView key);
  void expire_readers();

  Env* env_;
  KvConfig config_;
  std::unique_ptr<BlockingDirectory> directory_;
  std::shared_ptr<detail::KvEnvironment> environment_;
  std::unique_ptr<detail::KvTransaction> latest_;  // Reset between calls, renewed by each.
  std::vector<KvReader*> readers_;
  KvTotals totals_;                        // Of the last commit that returned.
  std::shared_ptr<KeyPresence> presence_;  // Shared with the check that fills it.
  /// A pass over all content: what is before `next` was seen, and has this sum now.
  struct Scrub {
    Bytes next;
    uint64_t sum = 0;
  };
  Scrub scrub_;
  uint64_t replaced_bytes_ = 0;
  bool failed_ = false;
  Semaphore commit_turn_;
  TaskGroup commits_;  // Last: its tasks use everything above.
};

}  // namespace vectron
