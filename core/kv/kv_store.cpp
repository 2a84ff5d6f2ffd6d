#include "core/kv/kv_store.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/assert.h"
#include "core/kv/given_up.h"
#include "core/kv/kv_environment.h"

namespace vectron {

using detail::KvEnvironment;
using detail::KvTransaction;
using detail::RenewedView;
using kv_format::Space;

namespace {

constexpr uint64_t kPageBytes = 4096;
constexpr size_t kMarkerBytesMax = 4096;
/// The largest data.mdb that a creation may leave which was cut short: two meta pages, the pages of
/// header and digest rows, and LMDB's free list, with room to spare.
constexpr uint64_t kCreationBytesMax = 16 * kPageBytes;

using OpenedEnvironment = Result<std::shared_ptr<KvEnvironment>>;

/// Opens LMDB in `directory`; in a folder where nothing was created yet, completes the creation.
Task<OpenedEnvironment> open_environment(BlockingDirectory* directory, KvConfig config,
                                         bool is_new) {
  auto opened =
      std::make_shared<OpenedEnvironment>(fail(Code::internal, "the folder did not run it"));
  const GiveUpAtEnd waits;
  std::function<void()> work = [opened, path = directory->path(), config, is_new,
                                given_up = waits.given_up()] {
    *opened = KvEnvironment::open_blocking(path, config, given_up);
    if (!opened->has_value()) return;
    KvEnvironment* const environment = opened->value().get();
    Result<std::optional<kv_format::Header>> header = std::nullopt;
    {
      Result<std::unique_ptr<KvTransaction>> view = KvTransaction::begin(environment);
      header = view.has_value() ? (*view)->header() : fail(std::move(view).error());
    }
    if (!header.has_value()) {
      *opened = fail(std::move(header).error());
    } else if (header->has_value() && (*header)->version > kv_format::kVersion) {
      *opened = fail(Code::failed_precondition,
                     fmt::format("the key-value store in {} has a newer format: run the newer "
                                 "version",
                                 config.folder_name));
    } else if (!is_new && !header->has_value()) {
      *opened = fail(Code::data_loss, fmt::format("the file of the key-value store in {} is gone",
                                                  config.folder_name));
    } else if (is_new && header->has_value() &&
               ((*header)->item_count != 0 || (*header)->record_digest != 0)) {
      *opened = fail(Code::failed_precondition,
                     fmt::format("the folder {} has no file FORMAT, but a key-value store with "
                                 "content in it: put the file back, or remove the folder",
                                 config.folder_name));
    } else if (!header->has_value()) {
      const Result<void> created = environment->create_blocking();
      if (!created.has_value()) *opened = fail(created.error());
    }
  };
  co_await directory->run({is_new ? 8 * kPageBytes : kPageBytes, is_new}, std::move(work));
  co_return std::move(*opened);
}

/// Looks at a folder without a marker, and leaves it as it is. Errors: not_found (nothing but what
/// a creation leaves that was cut short), data_loss (it holds more than that).
Result<void> look_without_marker(const std::string& path, const KvConfig& config) {
  const uint64_t bytes = KvEnvironment::file_bytes(path);
  const auto unfinished =
      fail(Code::not_found, fmt::format("{}/{} is missing or not whole, so no creation of a "
                                        "key-value store was completed",
                                        config.folder_name, kv_format::kMarkerName));
  if (bytes == 0) return unfinished;
  bool content = bytes > kCreationBytesMax;
  if (!content) {
    const auto environment = KvEnvironment::open_blocking(path, config);
    if (!environment.has_value()) {
      if (environment.error().code() == Code::data_loss) return unfinished;
      return fail(environment.error());
    }
    VECTRON_TRY(const std::unique_ptr<KvTransaction> view,
                KvTransaction::begin(environment->get()));
    VECTRON_TRY(const std::optional<kv_format::Header> header, view->header());
    content = header && (header->item_count != 0 || header->record_digest != 0);
  }
  if (!content) return unfinished;
  return fail(Code::data_loss,
              fmt::format("the file {}/{} is missing or not whole, and the key-value store beside "
                          "it has a data.mdb of {} bytes: put the file back",
                          config.folder_name, kv_format::kMarkerName, bytes));
}

Task<Result<void>> check_unmarked(BlockingDirectory* directory, KvConfig config) {
  auto looked = std::make_shared<Result<void>>(fail(Code::internal, "the folder did not run it"));
  std::function<void()> work = [looked, path = directory->path(), config] {
    *looked = look_without_marker(path, config);
  };
  co_await directory->run({kPageBytes, false}, std::move(work));
  co_return *looked;
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

Task<Result<bool>> has_marker(Disk* disk, std::string path) {
  auto file =
      co_await disk->open(fmt::format("{}/{}", path, kv_format::kMarkerName), OpenMode::read);
  if (!file.has_value() && file.error().code() == Code::not_found) co_return false;
  VECTRON_CO_TRY(const std::unique_ptr<File> marker, file);
  Bytes content(kMarkerBytesMax);
  const auto read = co_await marker->read_at(0, content);
  if (!read.has_value()) {
    // That is not damage yet.
    co_return fail(Code::unavailable, fmt::format("the marker of {} cannot be read: {}",
                                                  disk->whole_path(path), read.error().message()));
  }
  content.resize(*read);
  // A marker that is cut short was never synced, so nothing was acknowledged: the creation starts
  // again. (A store with content is not overwritten all the same, see open_environment.)
  if (content.size() < kv_format::encode_marker().size()) co_return false;
  // So was one of the right length without content: its size reached the disk and its page did not.
  const bool blank = std::ranges::all_of(content, [](uint8_t byte) { return byte == 0; });
  if (blank) co_return false;
  const Result<void> checked = kv_format::check_marker(content);
  if (!checked.has_value()) {
    co_return fail(checked.error().with_context(
        disk->whole_path(fmt::format("{}/{}", path, kv_format::kMarkerName))));
  }
  co_return true;
}

Task<Result<void>> write_marker(Disk* disk, std::string path) {
  auto file =
      co_await disk->open(fmt::format("{}/{}", path, kv_format::kMarkerName), OpenMode::create);
  VECTRON_CO_TRY(const std::unique_ptr<File> marker, file);
  // LMDB's own files and the folder first: the marker says that they are durable.
  auto synced = co_await disk->sync_directory(path);
  VECTRON_CO_CHECK_OK(synced);
  synced = co_await disk->sync_directory(parent_of(path));
  VECTRON_CO_CHECK_OK(synced);
  const Bytes content = kv_format::encode_marker();
  auto written = co_await marker->write_at(0, content);
  VECTRON_CO_CHECK_OK(written);
  synced = co_await marker->sync();
  VECTRON_CO_CHECK_OK(synced);
  co_return Result<void>();
}

}  // namespace

uint64_t kv_pair_hash(ByteView key, ByteView value) {
  return kv_format::pair_hash(Space::content, key, value).hash;
}

Task<Result<std::unique_ptr<KvStore>>> KvStore::open(Env* env, std::string path, KvConfig config) {
  const Result<void> valid = config.validate();
  VECTRON_CO_CHECK_OK(valid);
  const auto made = co_await env->disk().create_directory(path);
  VECTRON_CO_CHECK_OK(made);
  const auto marker = co_await has_marker(&env->disk(), path);
  VECTRON_CO_CHECK_OK(marker);
  auto store = co_await open_marked(env, std::move(path), config, !*marker);
  co_return std::move(store);
}

Task<Result<std::unique_ptr<KvStore>>> KvStore::open_existing(Env* env, std::string path,
                                                              KvConfig config) {
  const Result<void> valid = config.validate();
  VECTRON_CO_CHECK_OK(valid);
  config.folder_name = env->disk().whole_path(path);
  const auto there = co_await env->disk().exists(path);
  VECTRON_CO_CHECK_OK(there);
  if (!*there) {
    co_return fail(Code::not_found, fmt::format("the folder {} of the key-value store is missing",
                                                config.folder_name));
  }
  const auto marker = co_await has_marker(&env->disk(), path);
  VECTRON_CO_CHECK_OK(marker);
  if (!*marker) {
    const auto directory = env->disk().open_blocking_directory(path);
    VECTRON_CO_CHECK_OK(directory);
    const auto looked = co_await check_unmarked(directory->get(), config);
    co_return fail(looked.error());
  }
  auto store = co_await open_marked(env, std::move(path), config, false);
  co_return std::move(store);
}

// `is_new`: the folder has no marker.
Task<Result<std::unique_ptr<KvStore>>> KvStore::open_marked(Env* env, std::string path,
                                                            KvConfig config, bool is_new) {
  config.planted_trust_values = env->planted("trust_rotten_value");
  config.planted_believe_absence = env->planted("believe_absence");
  config.planted_short_write_is_damage = env->planted("short_write_is_damage");
  config.folder_name = env->disk().whole_path(path);
  Disk& disk = env->disk();
  auto directory = disk.open_blocking_directory(path);
  VECTRON_CO_CHECK_OK(directory);
  auto environment = co_await open_environment(directory->get(), config, is_new);
  if (is_new && !environment.has_value() && environment.error().code() == Code::data_loss) {
    // A crash in the middle of the creation leaves files that LMDB cannot read. More than a
    // creation leaves is kept.
    const auto looked = co_await check_unmarked(directory->get(), config);
    if (looked.error().code() != Code::not_found) co_return fail(looked.error());
    directory->reset();
    auto made = co_await disk.remove_tree(path);
    VECTRON_CO_CHECK_OK(made);
    made = co_await disk.create_directory(path);
    VECTRON_CO_CHECK_OK(made);
    directory = disk.open_blocking_directory(path);
    VECTRON_CO_CHECK_OK(directory);
    environment = co_await open_environment(directory->get(), config, is_new);
  }
  VECTRON_CO_CHECK_OK(environment);
  if (is_new) {
    auto written = co_await write_marker(&disk, path);
    VECTRON_CO_CHECK_OK(written);
  }
  std::unique_ptr<KvStore> store(
      new KvStore(env, config, *std::move(directory), *std::move(environment)));
  const auto taken = co_await store->take_up();
  VECTRON_CO_CHECK_OK(taken);
  co_return std::move(store);
}

KvStore::KvStore(Env* env, KvConfig config, std::unique_ptr<BlockingDirectory> directory,
                 std::shared_ptr<KvEnvironment> environment)
    : env_(env),
      config_(config),
      directory_(std::move(directory)),
      environment_(std::move(environment)),
      presence_(std::make_shared<KeyPresence>(env->random("kv keys").next())),
      commit_turn_(env->scheduler(), 1),
      commits_(env->scheduler()) {}

KvStore::~KvStore() {
  VECTRON_ASSERT(readers_.empty(), "{} readers outlive their store", readers_.size());
}

// Reads everything once: from here on it is known which keys there are.
Task<Result<void>> KvStore::take_up() {
  auto verified = std::make_shared<Result<void>>(fail(Code::internal, "the check was not run"));
  const GiveUpAtEnd waits;
  std::function<void()> run = [verified, presence = presence_, environment = environment_,
                               given_up = waits.given_up()] {
    *verified = environment->verify_blocking(presence.get(), given_up);
  };
  co_await directory_->run({used_bytes(), false}, std::move(run));
  VECTRON_CO_CHECK_OK(*verified);
  auto view = KvTransaction::begin(environment_.get());
  VECTRON_CO_TRY(latest_, view);
  const auto header = latest_->header();
  latest_->reset();
  VECTRON_CO_CHECK_OK(header);
  if (!header->has_value()) {
    co_return environment_->damage("the header of the key-value store is gone");
  }
  totals_ = {(*header)->content_digest, (*header)->item_count};
  co_return Result<void>();
}

// "Not found" is no proof: the key may have rotted, or what leads to it.
Result<void> KvStore::check_absent(Space space, ByteView key) {
  if (config_.planted_believe_absence) return {};
  if (!presence_->contains(presence_->hash_of(space, key))) return {};
  return environment_->damage("a key of the key-value store is gone");
}

Result<std::optional<Bytes>> KvStore::get(ByteView key) {
  return get_from(Space::content, key);
}

Result<std::optional<Bytes>> KvStore::get_record(std::string_view name) {
  return get_from(Space::record, as_bytes(name));
}

Result<std::optional<Bytes>> KvStore::get_from(Space space, ByteView key) {
  const RenewedView view(latest_.get());
  VECTRON_CHECK_OK(view.result());
  VECTRON_TRY(std::optional<Bytes> value, latest_->get(space, key));
  if (!value) VECTRON_CHECK_OK(check_absent(space, key));
  return value;
}

Result<std::optional<uint64_t>> KvStore::get_pair_hash(ByteView key) {
  const RenewedView view(latest_.get());
  VECTRON_CHECK_OK(view.result());
  VECTRON_TRY(const std::optional<uint64_t> hash, latest_->get_hash(Space::content, key));
  if (!hash) VECTRON_CHECK_OK(check_absent(Space::content, key));
  return hash;
}

Result<KvScanEnd> KvStore::scan(const KvScanRange& range, const KvVisitor& visitor) {
  const RenewedView view(latest_.get());
  VECTRON_CHECK_OK(view.result());
  uint64_t sum = 0;
  VECTRON_TRY(KvScanEnd end, latest_->scan(range, visitor, &sum));
  const bool whole = range.from.empty() && !range.until && !end;
  if (!whole || config_.planted_believe_absence) return end;
  VECTRON_TRY(const std::optional<kv_format::Header> header, latest_->header());
  if (header && header->content_digest == sum) return end;
  return environment_->damage("keys of the key-value store are gone or foreign");
}

// In a task of the store, so that the turn is held until the blocking part has ended, also when
// whoever asked for the commit is destroyed meanwhile: close() then waits for it here, and not on a
// lock of LMDB.
Task<Result<void>> KvStore::commit(KvBatch batch) {
  const Done done = std::make_shared<Completion<Result<void>>>(env_->scheduler());
  commits_.spawn(commit_for(std::move(batch), done));
  co_await done->wait();
  co_return done->take();
}

Task<void> KvStore::commit_for(KvBatch batch, Done done) {
  auto committed = co_await commit_in_turn(std::move(batch));
  done->set(std::move(committed));
}

Task<Result<void>> KvStore::commit_in_turn(KvBatch batch) {
  const Semaphore::Permit turn = co_await commit_turn_.acquire();
  if (failed_) {
    co_return fail(Code::data_loss, "the key-value store failed before and takes no commit");
  }
  if (batch.bytes() > config_.batch_bytes_max) {
    co_return fail(Code::resource_exhausted,
                   fmt::format("a batch of {} bytes is above batch_bytes_max ({}): split it",
                               batch.bytes(), config_.batch_bytes_max));
  }
  if (batch.empty()) co_return Result<void>();
  expire_readers();

  struct Work {
    std::shared_ptr<KvEnvironment> environment;
    detail::KvCommit commit;
    Result<detail::KvCommitted> result;
  };
  const uint64_t batch_bytes = batch.bytes();
  const uint64_t replaced_bytes = batch_bytes + batch.size() * kPageBytes;
  KeyPresenceChange change(presence_.get(), batch);
  auto work = std::make_shared<Work>();
  work->environment = environment_;
  work->commit = {std::move(batch), change.take_expected(), scrub_.next};
  work->result = fail(Code::data_loss, "the commit was not run");
  std::function<void()> run = [work] {
    work->result = work->environment->commit_blocking(work->commit);
  };
  while (true) {
    std::function<void()> attempt = run;
    co_await directory_->run({batch_bytes, true}, std::move(attempt));
    if (!environment_->wants_larger_map()) break;
    // On this loop, where all readers live, and in the commit's turn: nothing reads or checks now.
    const Result<void> grown = environment_->grow_map();
    if (!grown.has_value()) {
      work->result = fail(grown.error());
      break;
    }
  }

  if (!work->result.has_value()) {
    failed_ = work->result.error().code() != Code::resource_exhausted;
    if (!failed_) change.undo();
    co_return fail(work->result.error());
  }
  change.committed();
  totals_ = work->result->totals;
  scrub_.sum += work->result->scrubbed_change;
  replaced_bytes_ += replaced_bytes;
  env_->metrics().add(Metric::kv_commits);
  co_return Result<void>();
}

Result<std::unique_ptr<KvReader>> KvStore::open_reader() {
  // One slot is for latest_, one for what checks the store.
  if (readers_.size() + 2 >= config_.readers_max) {
    return fail(Code::resource_exhausted,
                fmt::format("{} readers are open already (readers_max)", readers_.size()));
  }
  VECTRON_TRY(std::unique_ptr<KvTransaction> transaction, KvTransaction::begin(environment_.get()));
  VECTRON_TRY(const std::optional<kv_format::Header> header, transaction->header());
  if (!header) return environment_->damage("the header of the key-value store is gone");
  std::unique_ptr<KvReader> reader(new KvReader(this, std::move(transaction)));
  reader->totals_ = {header->content_digest, header->item_count};
  return reader;
}

// As a commit, it goes on when whoever asked is gone: close() waits for what reads, too.
Task<Result<bool>> KvStore::scrub_some(size_t bytes_max) {
  auto done = std::make_shared<Completion<Result<bool>>>(env_->scheduler());
  commits_.spawn(scrub_for(bytes_max, done));
  co_await done->wait();
  co_return done->take();
}

Task<void> KvStore::scrub_for(size_t bytes_max, std::shared_ptr<Completion<Result<bool>>> done) {
  auto scrubbed = co_await scrub_in_turn(bytes_max);
  done->set(std::move(scrubbed));
}

// No commit comes in between, so a slice is of one state; what commits change behind it, they add
// to its sum. At the end the sum must be that of the whole content.
Task<Result<bool>> KvStore::scrub_in_turn(size_t bytes_max) {
  const Semaphore::Permit turn = co_await commit_turn_.acquire();
  if (failed_) co_return fail(Code::unavailable, "the key-value store failed or is closed");
  if (config_.planted_believe_absence) co_return false;
  auto result =
      std::make_shared<Result<detail::KvScrubbed>>(fail(Code::internal, "the check was not run"));
  std::function<void()> run = [result, environment = environment_, from = scrub_.next, bytes_max] {
    *result = environment->scrub_blocking(from, bytes_max);
  };
  co_await directory_->run({bytes_max, false}, std::move(run));
  VECTRON_CO_CHECK_OK(*result);
  scrub_.sum += (*result)->sum;
  if ((*result)->next) {
    scrub_.next = *std::move((*result)->next);
    co_return true;
  }
  const uint64_t sum = scrub_.sum;
  scrub_ = Scrub();
  if (sum != totals_.digest) {
    co_return environment_->damage("keys of the key-value store are gone or foreign");
  }
  co_return false;
}

bool KvStore::damaged() const {
  return environment_->damaged();
}

uint64_t KvStore::memory_bytes() const {
  return presence_->bytes();
}

uint64_t KvStore::used_bytes() const {
  return environment_ ? environment_->used_bytes() : 0;
}

Task<void> KvStore::close() {
  VECTRON_ASSERT(readers_.empty(), "{} readers are open", readers_.size());
  const Semaphore::Permit turn = co_await commit_turn_.acquire();
  failed_ = true;
  latest_.reset();
  environment_.reset();
  directory_.reset();
}

void KvStore::expire_readers() {
  for (KvReader* reader : readers_) reader->expire_if_old();
}

// --------------------------------------------------------------------------------- KvReader

KvReader::KvReader(KvStore* store, std::unique_ptr<KvTransaction> transaction)
    : store_(store),
      transaction_(std::move(transaction)),
      opened_(store->env_->clock().monotonic()),
      pinned_from_bytes_(store->replaced_bytes_) {
  store_->readers_.push_back(this);
}

KvReader::~KvReader() {
  std::erase(store_->readers_, this);
}

void KvReader::expire_if_old() {
  const KvConfig& config = store_->config_;
  const Duration age = store_->env_->clock().monotonic() - opened_;
  const uint64_t pinned_bytes = store_->replaced_bytes_ - pinned_from_bytes_;
  if (age > config.reader_age_max || pinned_bytes > config.reader_pinned_bytes_max) {
    transaction_.reset();
  }
}

Result<void> KvReader::check_age() {
  expire_if_old();
  if (transaction_) return {};
  return fail(Code::aborted,
              "the view is too old (reader_age_max, reader_pinned_bytes_max): open another one");
}

Result<std::optional<Bytes>> KvReader::get_record(std::string_view name) {
  VECTRON_CHECK_OK(check_age());
  VECTRON_TRY(std::optional<Bytes> value, transaction_->get(Space::record, as_bytes(name)));
  // Records are few, so an absence is proved by all of them.
  if (!value && !store_->config_.planted_believe_absence) {
    VECTRON_CHECK_OK(transaction_->check_records());
  }
  return value;
}

Result<KvScanEnd> KvReader::scan(const KvScanRange& range, const KvVisitor& visitor) {
  VECTRON_CHECK_OK(check_age());
  const bool begins = range.from.empty();
  const bool follows = begins || (pass_next_ && *pass_next_ == range.from);
  uint64_t sum = begins ? 0 : pass_sum_;
  VECTRON_TRY(KvScanEnd end, transaction_->scan(range, visitor, &sum));
  pass_next_ = follows ? end : std::nullopt;
  pass_sum_ = sum;
  // Whoever read all of it, in however many calls, has read what the digest is of.
  const bool whole = follows && !end && !range.until;
  if (whole && sum != totals_.digest && !store_->config_.planted_believe_absence) {
    return store_->environment_->damage("keys of the key-value store are gone or foreign");
  }
  return end;
}

}  // namespace vectron
