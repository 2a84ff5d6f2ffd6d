#include "services/worker/stored_check.h"

#include <algorithm>

#include "core/model/indexable_vector.h"
#include "schemas/point_id_message.h"

namespace vectron {
namespace {

// The one vector of a point; more have no meaning yet.
Result<void> check_vectors(const std::vector<wire::NamedVector>& vectors,
                           const ShardOptions& options) {
  if (vectors.size() != 1) {
    return fail(Code::invalid_argument,
                fmt::format("a point has one vector, this one has {}", vectors.size()), "vectors");
  }
  return check_indexable(vectors.front().values, options.dimension, options.distance, "vectors");
}

Result<PointId> check_id(const wire::PointId& message, const ShardOptions& options) {
  VECTRON_TRY(PointId id, id_of_message(message));
  if (options.range.contains(placement_hash(id))) return id;
  return fail(Code::invalid_argument, "the point does not belong to this shard", "id");
}

}  // namespace

Result<PointId> check_operation(const stored::ShardOperation& operation,
                                const ShardOptions& options) {
  VECTRON_TRY(PointId id, check_id(operation.id, options));
  if (operation.kind == stored::OperationKind::upsert) {
    VECTRON_CHECK_OK(check_vectors(operation.vectors, options));
  }
  return id;
}

size_t stored_bytes_max(const stored::ShardCommand& command) {
  // The record of the request, which has a byte for each operation.
  size_t bytes = kStoredOverheadBytesMax + command.operations.size();
  for (const stored::ShardOperation& operation : command.operations) {
    bytes += kStoredOverheadBytesMax + operation.payload.size();
    for (const wire::NamedVector& vector : operation.vectors) {
      bytes += vector.name.size() + vector.values.size() * sizeof(float);
    }
  }
  return bytes;
}

Result<PointRecord> read_point(ByteView key, ByteView value, const ShardOptions& options) {
  auto point = decode<stored::StoredPoint>(value);
  if (!point.has_value()) {
    return fail(Code::data_loss, "a stored point cannot be read: " + point.error().message());
  }
  const auto id = check_id(point->id, options);
  const auto vectors = check_vectors(point->vectors, options);
  const Status wrong = id.has_value() ? status_of(vectors) : id.error();
  if (!wrong.ok()) {
    return fail(Code::data_loss, "a stored point is none of this shard: " + wrong.message());
  }
  if (!std::ranges::equal(point_key(*id), key)) {
    return fail(Code::data_loss, "a stored point lies under the key of another one");
  }
  return PointRecord{*id, *std::move(point)};
}

}  // namespace vectron
