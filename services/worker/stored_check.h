// What a shard can hold: the bounds of what a command writes, and of what a store has. Pure.
//
// A command comes from a client through this shard's leader, or out of another node's log; a pair
// comes from this node's disk, or with another node's snapshot. Whoever is asked here may lie.
#pragma once

#include "core/base/bytes.h"
#include "core/model/point_id.h"
#include "schemas/storage_messages.h"
#include "services/worker/shard_content.h"

namespace vectron {

/// What an operation adds to its own bytes, at most, where it is stored.
inline constexpr size_t kStoredOverheadBytesMax = 1024;

/// The point that the operation is about. Errors: invalid_argument (another shard's, no id, or a
/// vector that the index cannot hold).
Result<PointId> check_operation(const stored::ShardOperation& operation,
                                const ShardOptions& options);

/// The bytes that applying the command writes, at most. A message may name the same bytes several
/// times and be smaller than what it says.
size_t stored_bytes_max(const stored::ShardCommand& command);

/// A point of a store. Errors: data_loss.
struct PointRecord {
  PointId id;
  stored::StoredPoint point;
};
Result<PointRecord> read_point(ByteView key, ByteView value, const ShardOptions& options);

}  // namespace vectron
