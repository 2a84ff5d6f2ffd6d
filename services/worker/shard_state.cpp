#include "services/worker/shard_state.h"

#include "schemas/point_id_message.h"

namespace vectron {
namespace {

constexpr size_t kLoadPageBytesMax = 4 << 20;
/// 2: entries with a request id.
constexpr uint32_t kCommandVersion = 2;

index::ShardIndexOptions index_options(const ShardOptions& options) {
  index::ShardIndexOptions out;
  out.metric = static_cast<index::Metric>(options.distance);
  out.dimension = options.dimension;
  out.m = options.index.m;
  out.ef_construction = options.index.ef_construction;
  return out;
}
static_assert(static_cast<int>(index::Metric::cosine) == static_cast<int>(Distance::cosine));
static_assert(static_cast<int>(index::Metric::dot) == static_cast<int>(Distance::dot));
static_assert(static_cast<int>(index::Metric::euclidean) == static_cast<int>(Distance::euclidean));

}  // namespace

ShardOptions shard_options_of(const wire::ShardOptions& options) {
  ShardOptions out;
  out.shard = ShardId(options.shard_id);
  out.range = {options.hash_low, options.hash_high};
  out.dimension = options.dimension;
  out.distance = static_cast<Distance>(options.distance);
  out.index.m = options.index.m;
  out.index.ef_construction = options.index.ef_construction;
  out.index.ef_search = options.index.ef_search_default;
  return out;
}

Bytes encode_shard_answer(const ShardAnswer& answer) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.put(static_cast<uint8_t>(answer.refused));
  writer.put(answer.index.value());
  writer.put_sized(answer.existed);
  return bytes;
}

Result<ShardAnswer> decode_shard_answer(ByteView bytes) {
  ByteReader reader(bytes);
  ShardAnswer answer;
  answer.refused = static_cast<ShardAnswer::Refusal>(reader.get<uint8_t>());
  answer.index = LogIndex(reader.get<uint64_t>());
  answer.existed = to_bytes(reader.get_sized());
  if (reader.done()) return answer;
  return fail(Code::internal, "an answer of the shard's state cannot be read");
}

ShardState::ShardState(Env* env, ShardOptions options, RequestMemoryLimits requests)
    : env_(env),
      options_(options),
      requests_(requests),
      forget_tombstones_(env->planted("forget_tombstone")),
      forget_requests_(env->planted("forget_request")),
      index_work_(env->scheduler()) {}

Task<Result<void>> ShardState::load(OverlayStore* store) {
  store_ = store;
  slots_.clear();
  content_ = std::make_shared<ShardContent>(index_options(options_));
  KvScanRange range;
  range.bytes_max = kLoadPageBytesMax;
  KvScanEnd next = Bytes();
  while (next) {
    range.from = *next;
    Status damage;
    const KvVisitor visitor = [this, &damage](ByteView key, ByteView value) {
      if (is_request_key(key)) return true;
      const auto point = decode<stored::StoredPoint>(value);
      const auto id = point.has_value() ? id_of_message(point->id) : fail(point.error());
      if (!id.has_value() || point->vectors.empty() ||
          point->vectors.front().values.size() != options_.dimension) {
        damage = Status(Code::data_loss, "a stored point cannot be read");
        return false;
      }
      put_into_index(*id, point->version, point->vectors.front().values);
      return true;
    };
    const auto end = store->scan(range, visitor);
    if (!end.has_value()) co_return fail(end.error());
    if (!damage.ok()) co_return fail(damage);
    next = *end;
    // Let the node's other work go on between pages.
    co_await env_->clock().sleep_for(Duration::zero());
  }
  const auto remembered = requests_.load(store);
  VECTRON_CO_CHECK_OK(remembered);
  index_work_.notify_all();
  co_return Result<void>();
}

void ShardState::put_into_index(const PointId& id, uint64_t version,
                                std::span<const float> vector) {
  const index::Slot slot = content_->index.append(vector);
  VECTRON_ASSERT(slot == content_->rows.size());
  content_->rows.push_back({id, version});
  slots_[id] = slot;
}

Result<Bytes> ShardState::apply(LogIndex index, ByteView command) {
  auto decoded = decode<stored::ShardCommand>(command);
  if (!decoded.has_value() || decoded->header.schema_version > kCommandVersion) {
    return fail(Code::data_loss, fmt::format("log entry {} is not a shard command", index));
  }
  last_timestamp_ = std::max(last_timestamp_, decoded->header.timestamp);
  VECTRON_TRY(const std::optional<ShardAnswer> before, repeated(decoded->header));
  if (before) return encode_shard_answer(*before);
  ShardAnswer answer;
  answer.index = index;
  if (remembers(decoded->header) && !requests_.has_room(decoded->header.timestamp)) {
    answer.refused = ShardAnswer::Refusal::memory_full;
    return encode_shard_answer(answer);
  }
  for (stored::ShardOperation& operation : decoded->operations) {
    VECTRON_TRY(const PointId id, id_of_message(operation.id));
    const bool is_remove = operation.kind == stored::OperationKind::remove;
    VECTRON_TRY(const bool existed,
                is_remove ? remove(id) : upsert(index, id, std::move(operation)));
    answer.existed.push_back(existed ? 1 : 0);
  }
  VECTRON_CHECK_OK(remember(decoded->header, answer));
  env_->metrics().add(Metric::worker_points_written, answer.existed.size());
  index_work_.notify_one();
  return encode_shard_answer(answer);
}

bool ShardState::remembers(const stored::EntryHeader& header) const {
  return header.request_id != 0 && !forget_requests_;
}

Result<bool> ShardState::has_room_for(const stored::EntryHeader& header) const {
  if (!remembers(header) || requests_.has_room(header.timestamp)) return true;
  VECTRON_TRY(const auto record, requests_.find({header.request_id, header.piece}));
  return record.has_value();
}

// The answer of the entry that this one repeats, if it does.
Result<std::optional<ShardAnswer>> ShardState::repeated(const stored::EntryHeader& header) const {
  if (!remembers(header)) return std::optional<ShardAnswer>();
  VECTRON_TRY(const auto record, requests_.find({header.request_id, header.piece}));
  if (!record) return std::optional<ShardAnswer>();
  ShardAnswer answer;
  if (record->fingerprint != header.fingerprint) {
    answer.refused = ShardAnswer::Refusal::other_command;
  }
  answer.index = LogIndex(record->applied_index);
  answer.existed = record->existed;
  return std::optional<ShardAnswer>(std::move(answer));
}

Result<void> ShardState::remember(const stored::EntryHeader& header, const ShardAnswer& answer) {
  if (!remembers(header)) return {};
  stored::RequestRecord record;
  record.request_id = header.request_id;
  record.piece = header.piece;
  record.fingerprint = header.fingerprint;
  record.clock = header.timestamp;
  record.applied_index = answer.index.value();
  record.existed = answer.existed;
  return requests_.remember(std::move(record));
}

Result<bool> ShardState::upsert(LogIndex index, const PointId& id,
                                stored::ShardOperation operation) {
  const std::vector<float>* vector =
      operation.vectors.empty() ? nullptr : &operation.vectors.front().values;
  if (vector == nullptr || vector->size() != options_.dimension) {
    return fail(Code::data_loss,
                fmt::format("log entry {} has a vector of another dimension", index));
  }
  const auto old = slots_.find(id);
  const bool existed = old != slots_.end();
  if (existed && !forget_tombstones_) content_->index.remove(old->second);
  put_into_index(id, index.value(), *vector);
  stored::StoredPoint point;
  point.id = std::move(operation.id);
  point.version = index.value();
  point.expires_at = operation.expires_at;
  point.vectors = std::move(operation.vectors);
  point.payload = std::move(operation.payload);
  if (existed && env_->planted("upsert_keeps_old_payload")) {
    VECTRON_TRY(std::optional<stored::StoredPoint> replaced, read(id));
    if (replaced.has_value()) point.payload = std::move(replaced->payload);
  }
  VECTRON_CHECK_OK(store_->put(point_key(id), encode(point)));
  return existed;
}

Result<bool> ShardState::remove(const PointId& id) {
  const auto old = slots_.find(id);
  if (old == slots_.end()) return false;
  if (!forget_tombstones_) content_->index.remove(old->second);
  slots_.erase(old);
  if (env_->planted("remove_leaves_stored")) return true;
  VECTRON_CHECK_OK(store_->erase(point_key(id)));
  return true;
}

Result<std::optional<stored::StoredPoint>> ShardState::read(const PointId& id) const {
  VECTRON_TRY(const std::optional<Bytes> value, store_->get(point_key(id)));
  if (!value) return std::optional<stored::StoredPoint>();
  VECTRON_TRY(stored::StoredPoint point, decode<stored::StoredPoint>(*value));
  return std::optional<stored::StoredPoint>(std::move(point));
}

}  // namespace vectron
