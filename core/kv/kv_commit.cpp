// The write transaction of a KvStore: begun and ended in one call, on one thread.
#include <fmt/format.h>
#include <lmdb.h>

#include <algorithm>
#include <cerrno>

#include "core/kv/kv_environment.h"

namespace vectron::detail {

using kv_format::Space;

namespace {

/// One write transaction. Aborted by its destructor unless it was committed.
class Writer {
 public:
  explicit Writer(KvEnvironment* environment) : environment_(environment) {}
  ~Writer() {
    if (txn_ != nullptr) mdb_txn_abort(txn_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// `creates`: the environment is empty; otherwise a header that is not there is damage.
  Result<void> begin(bool creates);
  Result<void> apply(const KvCommit& commit);
  Result<KvCommitted> commit();

 private:
  Result<std::optional<ByteView>> find(Space space, ByteView key);
  /// The stored value of `key` after its check; none when absent.
  Result<std::optional<ByteView>> find_checked(Space space, ByteView key);
  Result<void> put(Space space, ByteView key, ByteView value);
  Result<void> replace(Space space, ByteView key, const KvValue& value, bool expected);
  Result<kv_format::Row*> row_of(size_t bucket);
  Result<void> write_digests();

  KvEnvironment* environment_;
  MDB_txn* txn_ = nullptr;
  ByteView scrubbed_until_;
  uint64_t scrubbed_change_ = 0;
  kv_format::Header header_;
  std::array<std::optional<kv_format::Row>, kv_format::kRowCount> rows_;
};

Result<void> Writer::begin(bool creates) {
  if (int code = mdb_txn_begin(environment_->handle(), nullptr, 0, &txn_); code != 0) {
    txn_ = nullptr;
    return environment_->error(code, "begin a commit");
  }
  VECTRON_TRY(const std::optional<ByteView> value,
              find_checked(Space::system, kv_format::header_key()));
  if (value.has_value() == creates) {
    return environment_->damage("the header of the key-value store is gone");
  }
  if (creates) {
    for (std::optional<kv_format::Row>& row : rows_) row.emplace(kv_format::Row{});
    return {};
  }
  const std::optional<kv_format::Header> header = kv_format::decode_header(*value);
  if (!header) return environment_->damage("the header of the key-value store is damaged");
  header_ = *header;
  return {};
}

Result<void> Writer::apply(const KvCommit& commit) {
  scrubbed_until_ = commit.scrubbed_until;
  const auto& operations = commit.batch.operations();
  VECTRON_ASSERT(commit.expected.size() == operations.size());
  for (size_t i = 0; i < operations.size(); ++i) {
    const KvBatch::Operation& operation = operations[i];
    VECTRON_CHECK_OK(replace(static_cast<Space>(operation.space), commit.batch.key_of(operation),
                             operation.value, commit.expected[i] != 0));
  }
  return write_digests();
}

Result<KvCommitted> Writer::commit() {
  errno = 0;  // LMDB does not pass on what it was when a write ended early.
  const int code = mdb_txn_commit(std::exchange(txn_, nullptr));
  const int system_error = errno;
  if (code == 0) {
    return KvCommitted{{header_.content_digest, header_.item_count}, scrubbed_change_};
  }
  std::unexpected<Status> error = environment_->commit_error(code, system_error);
  if (error.error().code() != Code::resource_exhausted) return error;
  // "Nothing happened" is true only when LMDB would begin another write: it refuses after a failure
  // at the meta page, where the outcome is unknown.
  MDB_txn* probe = nullptr;
  if (int again = mdb_txn_begin(environment_->handle(), nullptr, 0, &probe); again != 0) {
    return environment_->error(again, "begin a commit after one that failed");
  }
  mdb_txn_abort(probe);
  return error;
}

Result<std::optional<ByteView>> Writer::find(Space space, ByteView key) {
  const kv_format::StoredKey stored_key(space, key);
  MDB_val name{stored_key.view().size(), const_cast<uint8_t*>(stored_key.view().data())};
  MDB_val value{};
  const int code = mdb_get(txn_, environment_->database(), &name, &value);
  if (code == MDB_NOTFOUND) return std::nullopt;
  if (code != 0) return environment_->error(code, "read a key");
  return ByteView(static_cast<const uint8_t*>(value.mv_data), value.mv_size);
}

Result<std::optional<ByteView>> Writer::find_checked(Space space, ByteView key) {
  VECTRON_TRY(const std::optional<ByteView> stored, find(space, key));
  if (!stored) return std::nullopt;
  const std::optional<ByteView> value = environment_->checked(space, key, *stored);
  if (!value) return environment_->damage("a value of the key-value store is damaged");
  return value;
}

Result<void> Writer::put(Space space, ByteView key, ByteView value) {
  const uint64_t hash = kv_format::pair_hash(space, key, value).hash;
  const kv_format::StoredKey stored_key(space, key);
  MDB_val name{stored_key.view().size(), const_cast<uint8_t*>(stored_key.view().data())};
  MDB_val room{value.size() + kv_format::kHashBytes, nullptr};
  // MDB_RESERVE gives the place, so that value and hash are copied once.
  if (int code = mdb_put(txn_, environment_->database(), &name, &room, MDB_RESERVE); code != 0) {
    return environment_->error(code, "write a key");
  }
  auto* out = static_cast<uint8_t*>(room.mv_data);
  if (!value.empty()) std::memcpy(out, value.data(), value.size());
  std::memcpy(out + value.size(), &hash, sizeof(hash));
  return {};
}

Result<void> Writer::replace(Space space, ByteView key, const KvValue& value, bool expected) {
  VECTRON_TRY(const std::optional<ByteView> old, find_checked(space, key));
  if (old.has_value() != expected && !environment_->believes_absence()) {
    return environment_->damage(expected ? "a key of the key-value store is gone"
                                         : "the key-value store holds a foreign key");
  }
  uint64_t change = 0;
  if (old) change -= kv_format::pair_hash(space, key, *old).hash;
  if (value) change += kv_format::pair_hash(space, key, *value).hash;
  if (space == Space::content) {
    VECTRON_TRY(kv_format::Row* const row, row_of(kv_format::bucket_of(key)));
    (*row)[kv_format::bucket_of(key) % kv_format::kRowBuckets] += change;
    header_.content_digest += change;
    if (is_less(key, scrubbed_until_)) scrubbed_change_ += change;
    header_.item_count += value ? 1 : 0;
    header_.item_count -= old ? 1 : 0;
  } else {
    header_.record_digest += change;
  }
  if (value) return put(space, key, *value);
  if (!old) return {};
  const kv_format::StoredKey stored_key(space, key);
  MDB_val name{stored_key.view().size(), const_cast<uint8_t*>(stored_key.view().data())};
  if (int code = mdb_del(txn_, environment_->database(), &name, nullptr); code != 0) {
    return environment_->error(code, "erase a key");
  }
  return {};
}

Result<kv_format::Row*> Writer::row_of(size_t bucket) {
  const size_t number = bucket / kv_format::kRowBuckets;
  std::optional<kv_format::Row>& row = rows_[number];
  if (!row) {
    VECTRON_TRY(const std::optional<ByteView> value,
                find_checked(Space::system, kv_format::row_key(number)));
    if (value) row = kv_format::decode_row(*value);
    if (!row) return environment_->damage("a digest row of the key-value store is damaged");
  }
  return &*row;
}

Result<void> Writer::write_digests() {
  for (size_t number = 0; number < rows_.size(); ++number) {
    const std::optional<kv_format::Row>& row = rows_[number];
    if (!row) continue;
    VECTRON_CHECK_OK(put(Space::system, kv_format::row_key(number), kv_format::encode_row(*row)));
  }
  return put(Space::system, kv_format::header_key(), kv_format::encode_header(header_));
}

}  // namespace

Result<KvCommitted> KvEnvironment::commit_blocking(const KvCommit& commit) {
  Writer writer(this);
  VECTRON_CHECK_OK(writer.begin(false));
  VECTRON_CHECK_OK(writer.apply(commit));
  return writer.commit();
}

Result<void> KvEnvironment::create_blocking() {
  Writer writer(this);
  VECTRON_CHECK_OK(writer.begin(true));
  VECTRON_CHECK_OK(writer.apply(KvCommit()));
  VECTRON_CHECK_OK(writer.commit());
  return {};
}

}  // namespace vectron::detail
