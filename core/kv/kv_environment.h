// One LMDB environment and its transactions, behind forward declarations. Private to core/kv.
//
// The environment is shared by its store and by the blocking functions that run on other threads
// (they may outlive the store). A read transaction belongs to whoever holds it; a write transaction
// exists only inside commit_blocking.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/kv/given_up.h"
#include "core/kv/key_presence.h"
#include "core/kv/kv_batch.h"
#include "core/kv/kv_config.h"
#include "core/kv/kv_format.h"
#include "core/kv/kv_store.h"

struct MDB_env;
struct MDB_txn;

namespace vectron::detail {

/// The input of one write transaction.
struct KvCommit {
  KvBatch batch;
  /// For each operation: whether its key must be there when its turn comes.
  std::vector<uint8_t> expected;
  /// Content keys before this one were scrubbed in this pass.
  Bytes scrubbed_until;
};
struct KvCommitted {
  KvTotals totals;
  /// Of the sum of pair hashes before `scrubbed_until`.
  uint64_t scrubbed_change = 0;
};

/// A slice of a scrub.
struct KvScrubbed {
  /// None: the end of the content.
  KvScanEnd next;
  /// Of the pair hashes that it saw.
  uint64_t sum = 0;
};

/// See the top of this file.
class KvEnvironment {
 public:
  /// Opens or creates LMDB's files in `path`, a real folder. Blocking. Errors: data_loss,
  /// resource_exhausted (disk, descriptors, address space), permission_denied, unavailable,
  /// cancelled (given up before the end).
  static Result<std::shared_ptr<KvEnvironment>> open_blocking(const std::string& path,
                                                              const KvConfig& config,
                                                              const GivenUp& given_up = {});
  /// The size of LMDB's file in `path`; 0 when there is none. Blocking.
  static uint64_t file_bytes(const std::string& path);
  ~KvEnvironment();
  KvEnvironment(const KvEnvironment&) = delete;
  KvEnvironment& operator=(const KvEnvironment&) = delete;

  /// Commits a batch with header and digest rows. Blocking. Errors: resource_exhausted (nothing
  /// happened), data_loss: also when a key is there, or not, against what is expected.
  Result<KvCommitted> commit_blocking(const KvCommit& commit);
  /// Makes header and digest rows in an empty environment. Blocking.
  Result<void> create_blocking();
  /// Compares everything with its hashes and digests; adds all keys to `presence`. Blocking.
  /// Errors: data_loss; cancelled: it was given up before the end.
  Result<void> verify_blocking(KeyPresence* presence, const GivenUp& given_up);
  /// Checks the pairs from the content key `from` on, about `bytes_max` of them; at the end also
  /// what lies beside the content. Blocking. Errors: data_loss.
  Result<KvScrubbed> scrub_blocking(const Bytes& from, size_t bytes_max);

  MDB_env* handle() const { return env_; }
  unsigned database() const { return database_; }
  uint64_t used_bytes() const;
  const std::string& folder_name() const { return folder_name_; }

  /// Whether the last commit failed because its pages need a larger map, and there may be one.
  bool wants_larger_map() const { return wants_larger_map_.load(std::memory_order_relaxed); }
  /// Doubles the map, up to map_bytes_max. Requires: no call of this environment runs on any
  /// thread. Read transactions that are idle keep their views: they hold page numbers, and no
  /// pointer into the map. Errors: resource_exhausted (no address space: all is as before).
  Result<void> grow_map();

  bool damaged() const { return damaged_.load(std::memory_order_relaxed); }
  bool believes_absence() const { return believes_absence_; }
  /// The value of a stored pair. None when its hash does not match.
  std::optional<ByteView> checked(kv_format::Space space, ByteView key, ByteView stored) const;
  /// Remembers that damage was found and makes the error that says so.
  std::unexpected<Status> damage(std::string message);
  /// The Status of an LMDB return code (not of success).
  std::unexpected<Status> error(int code, std::string_view doing);
  /// The same for a commit: `system_error` is what the system said during it, 0 for nothing. LMDB
  /// says EIO of its own when the kernel took a part of a write only, as a disk does that gets full
  /// within it.
  std::unexpected<Status> commit_error(int code, int system_error);

 private:
  friend class KvTransaction;
  KvEnvironment() = default;
  /// Looks at the bytes of LMDB's file before LMDB does.
  Result<void> check_structure(const std::string& path, const GivenUp& given_up);

  MDB_env* env_ = nullptr;
  /// As messages say it.
  std::string folder_name_;
  unsigned database_ = 0;
  /// At present.
  uint64_t map_bytes_ = 0;
  /// The size that the map may grow to.
  uint64_t map_bytes_max_ = 0;
  std::atomic<bool> wants_larger_map_{false};
  /// Planted bug.
  bool planted_short_write_ = false;
  /// Planted bug.
  bool trusts_values_ = false;
  /// Planted bug.
  bool believes_absence_ = false;
  std::atomic<bool> damaged_{false};
  std::atomic<int> live_transactions_{0};
};

/// A read transaction: a view at one commit. Not for two threads at once.
class KvTransaction {
 public:
  /// Errors: resource_exhausted (no reader slot is free), data_loss.
  static Result<std::unique_ptr<KvTransaction>> begin(KvEnvironment* environment);
  ~KvTransaction();
  KvTransaction(const KvTransaction&) = delete;
  KvTransaction& operator=(const KvTransaction&) = delete;

  /// Lets go of the view, but keeps the reader slot; renew() then takes the latest commit.
  void reset();
  Result<void> renew();

  /// None when the store has no header yet (its creation was not completed).
  Result<std::optional<kv_format::Header>> header();
  Result<kv_format::Row> row(size_t number);
  Result<std::optional<Bytes>> get(kv_format::Space space, ByteView key);
  Result<std::optional<uint64_t>> get_hash(kv_format::Space space, ByteView key);
  /// As KvStore::scan. Adds the hashes of the pairs that were given to `sum`, which may be null.
  Result<KvScanEnd> scan(const KvScanRange& range, const KvVisitor& visitor,
                         uint64_t* sum = nullptr);
  /// Visits stored pairs of all spaces from `from` on, unchecked, until the visitor says false.
  Result<void> scan_stored(
      ByteView from,
      const std::function<Result<bool>(ByteView stored_key, ByteView stored_value)>& visitor);
  /// Whether all records are there that the header counts. Errors: data_loss.
  Result<void> check_records();

 private:
  KvTransaction(KvEnvironment* environment, MDB_txn* txn);
  Result<std::optional<ByteView>> find(kv_format::Space space, ByteView key);

  KvEnvironment* environment_;
  MDB_txn* txn_;
  bool active_ = true;
  bool scanning_ = false;
};

/// The view of `transaction` at the latest commit, for as long as this lives.
class RenewedView {
 public:
  explicit RenewedView(KvTransaction* transaction)
      : transaction_(transaction), renewed_(transaction->renew()) {}
  ~RenewedView() {
    if (renewed_.has_value()) transaction_->reset();
  }
  RenewedView(const RenewedView&) = delete;
  RenewedView& operator=(const RenewedView&) = delete;
  const Result<void>& result() const { return renewed_; }

 private:
  KvTransaction* transaction_;
  Result<void> renewed_;
};

}  // namespace vectron::detail
