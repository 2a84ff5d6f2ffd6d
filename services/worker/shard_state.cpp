#include "services/worker/shard_state.h"

namespace vectron {
namespace {

constexpr size_t kLoadPageBytesMax = 4 << 20;
constexpr uint32_t kCommandVersion = 1;

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

Result<PointId> point_id_of(const wire::PointId& id) {
  if (id.is_text) return PointId::from_text(id.text);
  return PointId(id.number);
}

wire::PointId to_wire(const PointId& id) {
  wire::PointId out;
  out.is_text = id.is_text();
  if (id.is_text()) {
    out.text = id.text();
  } else {
    out.number = id.number();
  }
  return out;
}

ShardState::ShardState(Env* env, ShardOptions options)
    : env_(env),
      options_(options),
      forget_tombstones_(env->planted("forget_tombstone")),
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
    const KvVisitor visitor = [this, &damage](ByteView, ByteView value) {
      const auto point = decode<stored::StoredPoint>(value);
      const auto id = point.has_value() ? point_id_of(point->id) : fail(point.error());
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
  Bytes existed;
  for (stored::ShardOperation& operation : decoded->operations) {
    VECTRON_TRY(const PointId id, point_id_of(operation.id));
    const bool is_remove = operation.kind == stored::OperationKind::remove;
    VECTRON_TRY(const bool before,
                is_remove ? remove(id) : upsert(index, id, std::move(operation)));
    existed.push_back(before ? 1 : 0);
  }
  env_->metrics().add(Metric::worker_points_written, existed.size());
  index_work_.notify_one();
  return existed;
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
