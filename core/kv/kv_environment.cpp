#include "core/kv/kv_environment.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "core/base/assert.h"
#include "core/env/descriptors.h"
#include "core/kv/kv_structure.h"
#include "core/kv/map_size.h"

namespace vectron::detail {

using kv_format::Space;

namespace {

constexpr mode_t kFileMode = 0600;
constexpr std::string_view kLockFile = "lock.mdb";

/// At least what LMDB wants its lock file to have: a cache line for each reader, and fewer than a
/// page for all else. What is more becomes room for readers.
constexpr uint64_t kLockBytesOfReader = 64;
constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kReadBytesMax = 1 << 20;

uint64_t lock_file_bytes(uint32_t readers_max) {
  const uint64_t bytes = kPageBytes + readers_max * kLockBytesOfReader;
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

/// LMDB writes to its lock file through a map: where the disk has no block for a page of it, the
/// process would end by a signal. LMDB itself would make or enlarge it without blocks; so it is
/// made here, as large as it will be, and all its blocks are there before it is mapped. Whoever
/// opens it first fills it in, whatever it holds. It is synced when it was made or grew: after a
/// power loss the blocks are still there, also on a disk that is full. Returns an errno, or 0.
/// Requires: the environment is not open (closing a descriptor of the file would drop its lock).
int fill_lock_file(const std::string& path, uint32_t readers_max) {
  const std::string name = path + "/" + std::string(kLockFile);
  const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  if (file < 0) return errno;
  struct stat status{};
  int failed = ::fstat(file, &status) == 0 ? 0 : errno;
  if (failed == 0) {
    const uint64_t wanted =
        std::max(lock_file_bytes(readers_max), static_cast<uint64_t>(status.st_size));
    const bool was_whole = static_cast<uint64_t>(status.st_size) == wanted;
    failed = ::posix_fallocate(file, 0, static_cast<off_t>(wanted));
    if (failed == 0 && !was_whole && ::fsync(file) != 0) failed = errno;
  }
  ::close(file);
  // Some file systems cannot, and have no such blocks either.
  return failed == EINVAL || failed == EOPNOTSUPP ? 0 : failed;
}

/// Reads all of a file: a sector that the device cannot read is an error here, and a signal that
/// ends the process where it is read through a map. Ends early where nobody waits for it. Returns
/// an errno, or 0.
int read_through(int file, uint64_t bytes, const GivenUp& given_up) {
  std::vector<uint8_t> piece(std::min<uint64_t>(bytes, kReadBytesMax));
  for (uint64_t offset = 0; offset < bytes && !given_up;) {
    const ssize_t count = ::pread(file, piece.data(), piece.size(), static_cast<off_t>(offset));
    if (count == 0) return 0;
    if (count < 0 && errno != EINTR) return errno;
    if (count > 0) offset += static_cast<uint64_t>(count);
  }
  return 0;
}

bool has_address_space(uint64_t bytes) {
  void* const place =
      ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) return false;
  ::munmap(place, bytes);
  return true;
}

/// Files of earlier versions were readable by everybody.
void restrict_files(MDB_env* env, const std::string& path) {
  int file = -1;
  if (mdb_env_get_fd(env, &file) == 0) (void)::fchmod(file, kFileMode);
  (void)::chmod((path + "/" + std::string(kLockFile)).c_str(), kFileMode);
}

}  // namespace

Result<std::shared_ptr<KvEnvironment>> KvEnvironment::open_blocking(const std::string& path,
                                                                    const KvConfig& config,
                                                                    const GivenUp& given_up) {
  if (given_up) return fail(Code::cancelled, "nobody waits for the key-value store");
  std::shared_ptr<KvEnvironment> environment(new KvEnvironment);
  environment->folder_name_ = config.folder_name;
  environment->trusts_values_ = config.planted_trust_values;
  environment->planted_short_write_ = config.planted_short_write_is_damage;
  if (int code = fill_lock_file(path, config.readers_max); code != 0) {
    return environment->error(code, "give the lock file its blocks");
  }
  if (int code = mdb_env_create(&environment->env_); code != 0) {
    return environment->error(code, "create the environment");
  }
  MDB_env* env = environment->env_;
  VECTRON_CHECK_OK(environment->check_structure(path, given_up));
  environment->map_bytes_ =
      map_bytes_for(file_bytes(path), config.map_bytes_start, config.map_bytes_max);
  if (!has_address_space(environment->map_bytes_)) {
    // A file that is larger gets the map that it needs.
    environment->map_bytes_ = std::min(config.map_bytes_start, config.map_bytes_max);
  }
  environment->map_bytes_max_ = config.map_bytes_max;
  mdb_env_set_mapsize(env, environment->map_bytes_);
  mdb_env_set_maxreaders(env, config.readers_max);
  // MDB_NOTLS: a read transaction belongs to its object, not to a thread. MDB_NORDAHEAD: point
  // reads are random.
  if (int code = mdb_env_open(env, path.c_str(), MDB_NOTLS | MDB_NORDAHEAD, kFileMode); code != 0) {
    return environment->error(code, "open the environment");
  }
  restrict_files(env, path);
  // A process that was killed leaves its reader slots behind; they would pin pages for ever.
  int dead = 0;
  mdb_reader_check(env, &dead);
  MDB_envinfo info;
  mdb_env_info(env, &info);
  environment->map_bytes_ = info.me_mapsize;
  environment->believes_absence_ = config.planted_believe_absence;

  MDB_txn* txn = nullptr;
  if (int code = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn); code != 0) {
    return environment->error(code, "begin the first read");
  }
  const int code = mdb_dbi_open(txn, nullptr, 0, &environment->database_);
  mdb_txn_abort(txn);
  if (code != 0) return environment->error(code, "open the database");
  return environment;
}

uint64_t KvEnvironment::file_bytes(const std::string& path) {
  struct stat status{};
  const std::string file = path + "/data.mdb";
  return ::stat(file.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

Result<void> KvEnvironment::check_structure(const std::string& path, const GivenUp& given_up) {
  const uint64_t bytes = file_bytes(path);
  if (bytes == 0) return {};
  const int descriptor = ::open((path + "/data.mdb").c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return error(errno, "open the file");
  const int unread = read_through(descriptor, bytes, given_up);
  void* const begin =
      unread == 0 ? ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, descriptor, 0) : MAP_FAILED;
  const int failed = unread == 0 && begin == MAP_FAILED ? errno : 0;
  ::close(descriptor);
  if (unread != 0) return error(unread, "read its file");
  if (failed != 0) return error(failed, "map the file");
  const Result<void> checked =
      kv_structure::check(ByteView(static_cast<const uint8_t*>(begin), bytes), given_up);
  ::munmap(begin, bytes);
  if (checked.has_value() || checked.error().code() == Code::cancelled) return checked;
  return damage(checked.error().message());
}

KvEnvironment::~KvEnvironment() {
  VECTRON_ASSERT(live_transactions_ == 0, "{} transactions outlive their environment",
                 live_transactions_.load());
  if (env_ != nullptr) mdb_env_close(env_);
}

uint64_t KvEnvironment::used_bytes() const {
  MDB_envinfo info;
  MDB_stat stat;
  mdb_env_info(env_, &info);
  mdb_env_stat(env_, &stat);
  return (static_cast<uint64_t>(info.me_last_pgno) + 1) * stat.ms_psize;
}

std::optional<ByteView> KvEnvironment::checked(Space space, ByteView key, ByteView stored) const {
  if (!trusts_values_) return kv_format::checked(space, key, stored);
  const std::optional<kv_format::StoredValue> parts = kv_format::split(stored);
  return parts ? std::optional(parts->value) : std::nullopt;
}

std::unexpected<Status> KvEnvironment::damage(std::string message) {
  damaged_.store(true, std::memory_order_relaxed);
  return fail(Code::data_loss, fmt::format("{} ({})", message, folder_name_));
}

Result<void> KvEnvironment::grow_map() {
  VECTRON_ASSERT(map_bytes_ < map_bytes_max_, "{} of {} bytes", map_bytes_, map_bytes_max_);
  wants_larger_map_.store(false, std::memory_order_relaxed);
  uint64_t wanted = next_map_bytes(map_bytes_, map_bytes_max_);
  // LMDB gives up its old map first, and could not go on without a new one.
  if (!has_address_space(wanted)) wanted = std::min(map_bytes_ * 2, map_bytes_max_);
  if (!has_address_space(wanted)) return error(ENOMEM, "grow its map");
  const int code = mdb_env_set_mapsize(env_, wanted);
  VECTRON_ASSERT(code == 0, "a map of {} bytes: {}", wanted, mdb_strerror(code));
  map_bytes_ = wanted;
  return {};
}

std::unexpected<Status> KvEnvironment::error(int code, std::string_view doing) {
  const std::string_view reason = mdb_strerror(code);
  const auto told = [&](Code status, std::string_view advice, std::string_view field = {}) {
    return fail(status,
                fmt::format("the key-value store in {} could not {}: {}{}", folder_name_, doing,
                            reason, advice),
                std::string(field));
  };
  switch (code) {
    case MDB_MAP_FULL:
      if (map_bytes_ < map_bytes_max_) wants_larger_map_.store(true, std::memory_order_relaxed);
      return fail(Code::resource_exhausted,
                  fmt::format("the key-value store in {} has reached map_bytes_max ({} bytes): "
                              "raise it or delete data",
                              folder_name_, map_bytes_max_));
    case MDB_TXN_FULL:
      return fail(Code::resource_exhausted, "the batch touches too many pages: commit it in parts");
    case MDB_READERS_FULL:
      return fail(Code::resource_exhausted, "all reader slots (readers_max) are taken");
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return told(Code::resource_exhausted, ": free space on its disk");
    case EMFILE:
    case ENFILE:
      return told(Code::resource_exhausted, ": it is tried again when there are descriptors",
                  kDescriptorsField);
    case ENOMEM:
      return told(Code::resource_exhausted,
                  fmt::format(" (address space: its map has {} bytes)", map_bytes_));
    case EACCES:
    case EPERM:
    case EROFS:
      return told(Code::permission_denied, ": the process needs the right to write there");
    case EINTR:
    case EAGAIN:
    case EBUSY:
      return told(Code::unavailable, "");
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
      return damage(fmt::format("the key-value store is damaged: could not {}: {}", doing, reason));
    default:
      return told(Code::data_loss, "");
  }
}

std::unexpected<Status> KvEnvironment::commit_error(int code, int system_error) {
  const bool short_write = code == EIO && system_error != EIO;
  if (!short_write || planted_short_write_) return error(code, "commit");
  return error(ENOSPC, "commit, a write ended early");
}

// ---------------------------------------------------------------------------- KvTransaction

KvTransaction::KvTransaction(KvEnvironment* environment, MDB_txn* txn)
    : environment_(environment), txn_(txn) {
  ++environment_->live_transactions_;
}

Result<std::unique_ptr<KvTransaction>> KvTransaction::begin(KvEnvironment* environment) {
  MDB_txn* txn = nullptr;
  if (int code = mdb_txn_begin(environment->handle(), nullptr, MDB_RDONLY, &txn); code != 0) {
    return environment->error(code, "begin a read");
  }
  return std::unique_ptr<KvTransaction>(new KvTransaction(environment, txn));
}

KvTransaction::~KvTransaction() {
  VECTRON_ASSERT(!scanning_, "a transaction ends inside its own scan");
  mdb_txn_abort(txn_);
  --environment_->live_transactions_;
}

void KvTransaction::reset() {
  VECTRON_ASSERT(active_);
  mdb_txn_reset(txn_);
  active_ = false;
}

Result<void> KvTransaction::renew() {
  VECTRON_ASSERT(!active_, "the store is called from within its own scan");
  if (int code = mdb_txn_renew(txn_); code != 0) {
    return environment_->error(code, "renew a read");
  }
  active_ = true;
  return {};
}

Result<std::optional<ByteView>> KvTransaction::find(Space space, ByteView key) {
  VECTRON_ASSERT(active_ && !key.empty() && key.size() <= kKvKeyBytesMax);
  const kv_format::StoredKey stored_key(space, key);
  MDB_val name{stored_key.view().size(), const_cast<uint8_t*>(stored_key.view().data())};
  MDB_val value{};
  const int code = mdb_get(txn_, environment_->database(), &name, &value);
  if (code == 0) return ByteView(static_cast<const uint8_t*>(value.mv_data), value.mv_size);
  if (code != MDB_NOTFOUND) return environment_->error(code, "read a key");
  if (environment_->damaged() && space != Space::system) {
    return fail(
        Code::data_loss,
        "the key was not found, but the key-value store is damaged, so this proves nothing");
  }
  return std::nullopt;
}

Result<std::optional<Bytes>> KvTransaction::get(Space space, ByteView key) {
  VECTRON_TRY(const std::optional<ByteView> stored, find(space, key));
  if (!stored) return std::nullopt;
  const std::optional<ByteView> value = environment_->checked(space, key, *stored);
  if (!value) return environment_->damage("a value of the key-value store is damaged");
  return to_bytes(*value);
}

Result<std::optional<uint64_t>> KvTransaction::get_hash(Space space, ByteView key) {
  VECTRON_TRY(const std::optional<ByteView> stored, find(space, key));
  if (!stored) return std::nullopt;
  // The hash is what is built upon, so it must be that of the value that is there.
  if (!environment_->checked(space, key, *stored)) {
    return environment_->damage("a value of the key-value store is damaged");
  }
  const auto parts = kv_format::split(*stored);
  VECTRON_ASSERT(parts.has_value());  // Or it would not have been intact.
  return parts->hash;
}

Result<std::optional<kv_format::Header>> KvTransaction::header() {
  VECTRON_TRY(const std::optional<Bytes> value, get(Space::system, kv_format::header_key()));
  if (!value) return std::nullopt;
  const std::optional<kv_format::Header> header = kv_format::decode_header(*value);
  if (!header) return environment_->damage("the header of the key-value store is damaged");
  return header;
}

Result<kv_format::Row> KvTransaction::row(size_t number) {
  VECTRON_TRY(const std::optional<Bytes> value, get(Space::system, kv_format::row_key(number)));
  std::optional<kv_format::Row> row;
  if (value) row = kv_format::decode_row(*value);
  if (!row) return environment_->damage("a digest row of the key-value store is damaged");
  return *row;
}

namespace {

/// A cursor of a read transaction.
class Cursor {
 public:
  Cursor(MDB_txn* txn, unsigned database) { code_ = mdb_cursor_open(txn, database, &cursor_); }
  ~Cursor() {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  void seek(ByteView key) {
    key_ = {key.size(), const_cast<uint8_t*>(key.data())};
    if (cursor_ != nullptr) code_ = mdb_cursor_get(cursor_, &key_, &value_, MDB_SET_RANGE);
  }
  void first() {
    if (cursor_ != nullptr) code_ = mdb_cursor_get(cursor_, &key_, &value_, MDB_FIRST);
  }
  void next() { code_ = mdb_cursor_get(cursor_, &key_, &value_, MDB_NEXT); }

  bool valid() const { return code_ == 0; }
  bool at_end() const { return code_ == MDB_NOTFOUND; }
  int code() const { return code_; }
  ByteView key() const { return {static_cast<const uint8_t*>(key_.mv_data), key_.mv_size}; }
  ByteView value() const { return {static_cast<const uint8_t*>(value_.mv_data), value_.mv_size}; }

 private:
  MDB_cursor* cursor_ = nullptr;
  MDB_val key_{};
  MDB_val value_{};
  int code_ = 0;
};

/// Holds a flag for the length of a scope.
class Raised {
 public:
  explicit Raised(bool* flag) : flag_(flag) { *flag_ = true; }
  ~Raised() { *flag_ = false; }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;

 private:
  bool* flag_;
};

}  // namespace

Result<KvScanEnd> KvTransaction::scan(const KvScanRange& range, const KvVisitor& visitor,
                                      uint64_t* sum) {
  VECTRON_ASSERT(active_ && !scanning_ && range.from.size() <= kKvKeyBytesMax + 1);
  const Raised scanning(&scanning_);
  const kv_format::StoredKey from(Space::content, range.from);
  Cursor cursor(txn_, environment_->database());
  size_t items = 0;
  size_t bytes = 0;
  bool more = range.items_max > 0;
  for (cursor.seek(from.view()); cursor.valid(); cursor.next()) {
    if (cursor.key()[0] != static_cast<uint8_t>(Space::content)) return std::nullopt;
    const ByteView key = cursor.key().subspan(1);
    if (range.until && !is_less(key, *range.until)) return std::nullopt;
    if (!more) return to_bytes(key);
    const std::optional<ByteView> value =
        environment_->checked(Space::content, key, cursor.value());
    if (!value) return environment_->damage("a value of the key-value store is damaged");
    if (sum != nullptr) *sum += kv_format::split(cursor.value())->hash;
    bytes += key.size() + value->size();
    more = visitor(key, *value) && ++items < range.items_max && bytes < range.bytes_max;
  }
  if (!cursor.at_end()) return environment_->error(cursor.code(), "scan");
  return std::nullopt;
}

Result<void> KvTransaction::scan_stored(
    ByteView from,
    const std::function<Result<bool>(ByteView stored_key, ByteView stored_value)>& visitor) {
  const Raised scanning(&scanning_);
  Cursor cursor(txn_, environment_->database());
  from.empty() ? cursor.first() : cursor.seek(from);
  for (; cursor.valid(); cursor.next()) {
    VECTRON_TRY(const bool more, visitor(cursor.key(), cursor.value()));
    if (!more) return {};
  }
  if (!cursor.at_end()) return environment_->error(cursor.code(), "scan");
  return {};
}

Result<void> KvTransaction::check_records() {
  VECTRON_TRY(const std::optional<kv_format::Header> stored, header());
  if (!stored) return environment_->damage("the header of the key-value store is gone");
  uint64_t sum = 0;
  constexpr std::array<uint8_t, 1> kFirst = {static_cast<uint8_t>(Space::record)};
  VECTRON_CHECK_OK(scan_stored(kFirst, [&](ByteView key, ByteView value) -> Result<bool> {
    const ByteView name = key.subspan(1);
    if (key[0] != kFirst[0] || !environment_->checked(Space::record, name, value)) {
      return environment_->damage("a record of the key-value store is damaged");
    }
    sum += kv_format::split(value)->hash;
    return true;
  }));
  if (sum == stored->record_digest) return {};
  return environment_->damage("a record of the key-value store is gone");
}

}  // namespace vectron::detail
