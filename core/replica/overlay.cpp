#include "core/replica/overlay.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/async/combine.h"
#include "core/base/assert.h"
#include "core/base/need.h"

namespace vectron {

namespace {

/// The record of the applied index: 8 bytes, little-endian.
constexpr std::string_view kAppliedRecord = "applied_index";
/// What that record adds to a commit.
constexpr size_t kAppliedRecordBytesMax = 256;
static_assert(kAppliedRecord.size() + sizeof(uint64_t) + kKvOperationOverheadBytes <=
              kAppliedRecordBytesMax);

Result<LogIndex> decode_applied_index(const Result<std::optional<Bytes>>& read) {
  if (!read.has_value()) return fail(read.error());
  const std::optional<Bytes>& record = *read;
  if (!record) return LogIndex();
  ByteReader reader(*record);
  const LogIndex index(reader.get<uint64_t>());
  if (!reader.done()) return fail(Code::data_loss, "the applied index of the store is damaged");
  return index;
}

bool is_equal(ByteView a, ByteView b) {
  return std::ranges::equal(a, b);
}

/// Gives pairs to a visitor within the limits of a range, and notes where to go on.
class ScanOutput {
 public:
  ScanOutput(const KvScanRange& range, const KvVisitor& visitor)
      : range_(range), visitor_(visitor), more_(range.items_max > 0) {}

  /// False when the limits were reached before this pair, which was not given then.
  bool give(ByteView key, ByteView value) {
    if (!more_) {
      next_ = to_bytes(key);
      return false;
    }
    bytes_ += key.size() + value.size();
    more_ = visitor_(key, value) && ++items_ < range_.items_max && bytes_ < range_.bytes_max;
    return true;
  }
  bool stopped() const { return next_.has_value(); }
  KvScanEnd end() && { return std::move(next_); }

 private:
  const KvScanRange& range_;
  const KvVisitor& visitor_;
  bool more_;
  size_t items_ = 0;
  size_t bytes_ = 0;
  KvScanEnd next_;
};

}  // namespace

Result<void> OverlayConfig::validate(const KvConfig& kv) const {
  const bool fits = kv.batch_bytes_max >= kAppliedRecordBytesMax &&
                    flush_bytes_max <= kv.batch_bytes_max - kAppliedRecordBytesMax;
  VECTRON_CHECK_OK(need_positive(overlay_bytes_max, "overlay_bytes_max"));
  VECTRON_CHECK_OK(need(flush_bytes_max > 0 && fits, "flush_bytes_max",
                        fmt::format("must be positive and, with {} bytes for the applied index, at "
                                    "most batch_bytes_max of the store",
                                    kAppliedRecordBytesMax)));
  VECTRON_CHECK_OK(need_positive(flush_writes_max, "flush_writes_max"));
  VECTRON_CHECK_OK(need(flush_bytes_min <= overlay_bytes_max, "flush_bytes_min",
                        "must be at most overlay_bytes_max"));
  VECTRON_CHECK_OK(need_not_negative(flush_interval, "flush_interval"));
  return need_positive(full_pause, "full_pause");
}

bool OverlayStore::ByteOrder::operator()(ByteView a, ByteView b) const {
  return is_less(a, b);
}

Result<std::unique_ptr<OverlayStore>> OverlayStore::open(Env* env, KvStore* store,
                                                         OverlayConfig config) {
  VECTRON_CHECK_OK(config.validate(store->config()));
  VECTRON_TRY(const LogIndex applied_index, applied_index_of(store));
  return std::unique_ptr<OverlayStore>(new OverlayStore(env, store, config, applied_index));
}

OverlayStore::OverlayStore(Env* env, KvStore* store, OverlayConfig config, LogIndex applied_index)
    : env_(env),
      store_(store),
      config_(config),
      digest_(store->digest()),
      applied_index_(applied_index),
      durable_index_(applied_index),
      flushed_index_(applied_index),
      flush_turn_(env->scheduler(), 1),
      flushable_(env->scheduler()),
      room_(env->scheduler()) {}

// -------------------------------------------------------------------------------------- apply

void OverlayStore::begin_entry(LogIndex index) {
  VECTRON_ASSERT(!entry_index_, "entry {} is still open", entry_index_);
  VECTRON_ASSERT(index > applied_index_, "entry {} was applied already ({})", index,
                 applied_index_);
  entry_index_ = index;
  entry_bytes_ = 0;
}

Result<void> OverlayStore::put(ByteView key, KvValue value) {
  VECTRON_ASSERT(value != nullptr, "null means absent: use erase()");
  return write(key, std::move(value));
}

Result<void> OverlayStore::erase(ByteView key) {
  return write(key, nullptr);
}

void OverlayStore::end_entry() {
  VECTRON_ASSERT(entry_index_, "no entry is open");
  VECTRON_ASSERT(entry_bytes_ <= store_->config().batch_bytes_max,
                 "entry {} writes {} bytes, more than one commit takes", entry_index_,
                 entry_bytes_);
  applied_index_ = entry_index_;
  entry_index_ = LogIndex();
  if (has_flushable()) flushable_.notify_all();
}

void OverlayStore::fail_entry(const Status& why) {
  VECTRON_ASSERT(entry_index_ && !why.ok(), "no entry is open, or nothing is wrong with it");
  if (failure_.ok()) failure_ = why;
  room_.notify_all();
}

Result<void> OverlayStore::write(ByteView key, KvValue value) {
  VECTRON_ASSERT(entry_index_, "a write outside of an entry");
  VECTRON_ASSERT(!key.empty() && key.size() <= kKvKeyBytesMax, "a key of {} bytes", key.size());
  const size_t bytes = key.size() + (value ? value->size() : 0) + kKvOperationOverheadBytes;
  if (bytes > store_->config().batch_bytes_max - entry_bytes_) {
    return fail(Code::data_loss,
                fmt::format("entry {} writes more than the {} bytes that one commit takes",
                            entry_index_, store_->config().batch_bytes_max));
  }
  VECTRON_TRY(const std::optional<uint64_t> old_hash, old_pair_hash(key));
  const uint64_t new_hash = value ? kv_pair_hash(key, *value) : 0;
  digest_ += (value ? new_hash : 0) - old_hash.value_or(0);

  auto found = latest_.find(key);
  if (found == latest_.end()) found = latest_.emplace(to_bytes(key), Latest{}).first;
  found->second.value = value;
  found->second.pair_hash = new_hash;
  ++found->second.waiting;

  writes_.push_back({entry_index_, &found->first, std::move(value), bytes});
  overlay_bytes_ += bytes;
  entry_bytes_ += bytes;
  return {};
}

Result<std::optional<uint64_t>> OverlayStore::old_pair_hash(ByteView key) {
  const auto found = latest_.find(key);
  if (found == latest_.end()) return store_->get_pair_hash(key);
  if (!found->second.value) return std::nullopt;
  return found->second.pair_hash;
}

// -------------------------------------------------------------------------------------- reads

Result<std::optional<Bytes>> OverlayStore::get(ByteView key) {
  const auto found = latest_.find(key);
  if (found == latest_.end()) return store_->get(key);
  if (!found->second.value) return std::nullopt;
  return *found->second.value;
}

Result<KvScanEnd> OverlayStore::scan(const KvScanRange& range, const KvVisitor& visitor) {
  ScanOutput output(range, visitor);
  auto next = latest_.lower_bound(ByteView(range.from));
  const auto give_next = [&] {
    const bool given = !next->second.value || output.give(next->first, *next->second.value);
    if (given) ++next;
    return given;
  };
  const KvScanRange all{range.from, range.until};
  VECTRON_TRY(const KvScanEnd end, store_->scan(all, [&](ByteView key, ByteView value) {
    while (next != latest_.end() && is_less(next->first, key)) {
      if (!give_next()) return false;
    }
    if (next != latest_.end() && is_equal(next->first, key)) return give_next();
    return output.give(key, value);
  }));
  while (!output.stopped() && next != latest_.end() &&
         (!range.until || is_less(next->first, *range.until))) {
    give_next();
  }
  return std::move(output).end();
}

// -------------------------------------------------------------------------------------- flush

void OverlayStore::set_durable_index(LogIndex index) {
  durable_index_ = std::max(durable_index_, index);
  if (has_flushable()) flushable_.notify_all();
}

LogIndex OverlayStore::flushable_index() const {
  return std::min(durable_index_, applied_index_);
}

Task<Result<void>> OverlayStore::wait_for_room() {
  while (failure_.ok() && !has_room()) co_await room_.wait();
  if (!failure_.ok()) co_return fail(failure_);
  co_return Result<void>();
}

OverlayStore::Prefix OverlayStore::next_prefix() const {
  const LogIndex limit = flushable_index();
  const size_t bytes_max = env_->buggify("overlay.flush_one_entry") ? 1 : config_.flush_bytes_max;
  Prefix prefix{0, limit};
  size_t bytes = 0;
  while (prefix.writes < writes_.size() && writes_[prefix.writes].index <= limit) {
    // One whole entry: it is taken when it fits, or when it is the first.
    const LogIndex entry = writes_[prefix.writes].index;
    size_t end = prefix.writes;
    size_t entry_bytes = 0;
    for (; end < writes_.size() && writes_[end].index == entry; ++end) {
      entry_bytes += writes_[end].bytes;
    }
    const bool fits = bytes + entry_bytes <= bytes_max && end <= config_.flush_writes_max;
    if (prefix.writes > 0 && !fits) {
      prefix.index = entry - 1;
      break;
    }
    bytes += entry_bytes;
    prefix.writes = end;
  }
  return prefix;
}

KvBatch OverlayStore::batch_of(const Prefix& prefix) const {
  // In order of keys (neighbours share pages), the last write of each.
  std::map<ByteView, const KvValue*, ByteOrder> last;
  for (size_t i = 0; i < prefix.writes; ++i) last[*writes_[i].key] = &writes_[i].value;
  KvBatch batch;
  for (const auto& [key, value] : last) {
    if (*value) {
      batch.put(key, *value);
    } else {
      batch.erase(key);
    }
  }
  return batch;
}

Task<Result<bool>> OverlayStore::flush_some() {
  const Semaphore::Permit turn = co_await flush_turn_.acquire();
  if (!failure_.ok()) co_return fail(failure_);
  VECTRON_ASSERT(!entry_index_, "a flush inside entry {}", entry_index_);
  if (!has_flushable()) co_return false;
  const Prefix prefix = next_prefix();
  VECTRON_ASSERT(prefix.index > flushed_index_ && prefix.index <= flushable_index());
  auto committed = co_await commit_prefix(prefix);
  if (!committed.has_value() && committed.error().code() == Code::resource_exhausted) {
    co_return fail(std::move(committed).error());
  }
  if (committed.has_value()) {
    drop_prefix(prefix);
    if (writes_.empty() && !entry_index_ && digest_ != store_->digest()) {
      committed = fail(Code::data_loss, "the store does not hold what was applied to it");
    }
  }
  if (!committed.has_value()) failure_ = committed.error();
  room_.notify_all();
  VECTRON_CO_CHECK_OK(committed);
  co_return true;
}

Task<Result<void>> OverlayStore::commit_prefix(Prefix prefix) {
  KvBatch batch = batch_of(prefix);
  if (env_->planted("applied_index_apart")) {
    KvBatch index_alone;
    put_applied_index(&index_alone, prefix.index);
    auto committed = co_await store_->commit(std::move(index_alone));
    VECTRON_CO_CHECK_OK(committed);
  } else {
    put_applied_index(&batch, prefix.index);
  }
  auto committed = co_await store_->commit(std::move(batch));
  co_return committed;
}

void OverlayStore::drop_prefix(const Prefix& prefix) {
  for (size_t i = 0; i < prefix.writes; ++i) {
    const Write& write = writes_.front();
    const auto found = latest_.find(*write.key);
    VECTRON_ASSERT(found != latest_.end() && found->second.waiting > 0);
    overlay_bytes_ -= write.bytes;
    if (--found->second.waiting == 0) latest_.erase(found);
    writes_.pop_front();
  }
  VECTRON_ASSERT(!writes_.empty() || (latest_.empty() && overlay_bytes_ == 0));
  flushed_index_ = prefix.index;
}

Task<Result<void>> OverlayStore::flush_to(LogIndex index) {
  VECTRON_ASSERT(index <= flushable_index(), "{} is not flushable ({})", index, flushable_index());
  while (flushed_index_ < index) {
    const auto flushed = co_await flush_some();
    VECTRON_CO_CHECK_OK(flushed);
  }
  co_return Result<void>();
}

void OverlayStore::request_flush() {
  requested_index_ = applied_index_;
  flushable_.notify_all();
}

bool OverlayStore::flush_is_due() const {
  return has_flushable() && (overlay_bytes_ >= config_.flush_bytes_min || !has_room() ||
                             flushed_index_ < requested_index_);
}

Task<bool> OverlayStore::wait_until_due() {
  while (!flush_is_due()) co_await flushable_.wait();
  co_return true;
}

Task<Result<void>> OverlayStore::flush_loop() {
  while (true) {
    while (!has_flushable()) co_await flushable_.wait();
    const Instant latest =
        env_->clock().scheduler_time(env_->clock().monotonic() + config_.flush_interval);
    Task<bool> until_due = wait_until_due();
    const auto due = co_await with_deadline(&env_->scheduler(), latest, std::move(until_due));
    (void)due;  // Due by bytes or by time: flush either way.
    const auto flushed = co_await flush_some();
    if (flushed.has_value()) continue;
    if (flushed.error().code() != Code::resource_exhausted) co_return fail(flushed.error());
    env_->log().warning("overlay", "flush waits: {}", flushed.error().to_string());
    co_await env_->clock().sleep_for(config_.full_pause);
  }
}

// ------------------------------------------------------------------------------ applied index

void OverlayStore::put_applied_index(KvBatch* batch, LogIndex index) {
  Bytes value;
  ByteWriter(value).put(index.value());
  batch->put_record(kAppliedRecord, std::move(value));
}

Result<LogIndex> OverlayStore::applied_index_of(KvReader* reader) {
  return decode_applied_index(reader->get_record(kAppliedRecord));
}

Result<LogIndex> OverlayStore::applied_index_of(KvStore* store) {
  return decode_applied_index(store->get_record(kAppliedRecord));
}

}  // namespace vectron
