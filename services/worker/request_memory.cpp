#include "services/worker/request_memory.h"

#include <algorithm>

#include "schemas/codec.h"

namespace vectron {
namespace {

constexpr size_t kHashBytes = 8;
constexpr uint8_t kTag = 'r';
/// Records forgotten by one entry; above one, so that they go faster than they come.
constexpr int kForgottenAtOnceMax = 8;

/// Of the records that one turn of the event loop takes up.
constexpr size_t kLoadPageBytesMax = 512 << 10;

Bytes request_prefix() {
  Bytes key(kHashBytes, 0);
  key.push_back(kTag);
  return key;
}

// Timestamps hold milliseconds above 16 bits of a counter.
uint64_t timestamp_of(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return static_cast<uint64_t>(ms) << 16;
}

}  // namespace

Bytes request_key(RequestMemory::Key key) {
  Bytes out = request_prefix();
  put_big_endian(out, key.request_id);
  put_big_endian(out, uint64_t{key.piece});
  return out;
}

bool is_request_key(ByteView key) {
  return key.size() > kHashBytes && key[kHashBytes] == kTag;
}

Result<stored::RequestRecord> read_request(ByteView key, ByteView value) {
  auto record = decode<stored::RequestRecord>(value);
  if (!record.has_value()) return fail(Code::data_loss, "the record of a request cannot be read");
  if (!std::ranges::equal(request_key({record->request_id, record->piece}), key)) {
    return fail(Code::data_loss, "the record of a request lies under the key of another one");
  }
  return record;
}

void RequestMemory::begin_load(OverlayStore* store) {
  store_ = store;
  by_age_.clear();
  time_ = 0;
  clock_ = 0;
}

Result<KvScanEnd> RequestMemory::load_page(const Bytes& from, size_t records_max) {
  Status damage;
  const KvVisitor visitor = [this, &damage](ByteView key_bytes, ByteView value) {
    const auto record = read_request(key_bytes, value);
    if (!record.has_value()) {
      damage = record.error();
      return false;
    }
    if (LogIndex(record->applied_index) > store_->applied_index()) {
      damage = Status(Code::data_loss, "the record of a request is of an entry to come");
      return false;
    }
    const Key key{record->request_id, record->piece};
    by_age_[record->applied_index] = {key, record->timestamp};
    if (by_age_.rbegin()->first == record->applied_index) {
      time_ = record->timestamp;
      clock_ = record->clock;
    }
    return true;
  };
  KvScanRange range;
  range.from = from.empty() ? request_prefix() : from;
  range.until = request_prefix();
  ++range.until->back();
  range.items_max = records_max;
  range.bytes_max = kLoadPageBytesMax;
  VECTRON_TRY(KvScanEnd end, store_->scan(range, visitor));
  if (!damage.ok()) return fail(damage);
  return end;
}

Result<std::optional<stored::RequestRecord>> RequestMemory::find(Key key) const {
  VECTRON_TRY(const std::optional<Bytes> value, store_->get(request_key(key)));
  if (!value) return std::optional<stored::RequestRecord>();
  VECTRON_TRY(stored::RequestRecord record, decode<stored::RequestRecord>(*value));
  return std::optional<stored::RequestRecord>(std::move(record));
}

uint64_t RequestMemory::time_at(uint64_t clock) const {
  const uint64_t step = clock > clock_ ? clock - clock_ : clock_ - clock;
  return time_ + std::min(step, timestamp_of(limits_.kept_at_least));
}

bool RequestMemory::has_room(uint64_t clock) const {
  if (by_age_.size() < limits_.requests_max) return true;
  const uint64_t oldest = by_age_.begin()->second.timestamp;
  return time_at(clock) - oldest >= timestamp_of(limits_.kept_at_least);
}

bool RequestMemory::oldest_is_due() const {
  if (by_age_.size() > limits_.requests_max) return true;
  if (by_age_.size() <= limits_.requests_min) return false;
  const uint64_t oldest = by_age_.begin()->second.timestamp;
  return time_ - oldest > timestamp_of(limits_.kept_for);
}

Result<void> RequestMemory::remember(stored::RequestRecord record) {
  VECTRON_ASSERT(has_room(record.clock));
  time_ = time_at(record.clock);
  clock_ = record.clock;
  record.timestamp = time_;
  const Key key{record.request_id, record.piece};
  VECTRON_ASSERT(by_age_.empty() || by_age_.rbegin()->first < record.applied_index);
  VECTRON_CHECK_OK(store_->put(request_key(key), encode(record)));
  by_age_.emplace_hint(by_age_.end(), record.applied_index, Aging{key, record.timestamp});
  for (int i = 0; i < kForgottenAtOnceMax && oldest_is_due(); ++i) {
    VECTRON_CHECK_OK(store_->erase(request_key(by_age_.begin()->second.key)));
    by_age_.erase(by_age_.begin());
  }
  return {};
}

}  // namespace vectron
