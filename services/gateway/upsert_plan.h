// UpsertPlan: the points of one upsert, checked and grouped by the shards that hold them. Pure.
#pragma once

#include <vector>

#include "core/model/collection.h"
#include "schemas/vectron_messages.h"
#include "schemas/worker_messages.h"
#include "services/gateway/route.h"

namespace vectron::gateway {

/// Operations that are written in one log entry.
struct UpsertPiece {
  std::vector<wire::WriteOperation> operations;
  /// For each operation, the place of its point in the request.
  std::vector<size_t> places;
  /// Of their vectors, payloads and ids.
  size_t bytes = 0;
};

/// What one shard has to write: pieces one after the other, so that of two points with one id the
/// later one wins.
struct UpsertPart {
  /// A position in Route::shards.
  size_t shard = 0;
  std::vector<UpsertPiece> pieces;
};

struct UpsertPlan {
  /// In the order of their shards; only shards that are concerned.
  std::vector<UpsertPart> parts;
  /// One for each point; those refused are filled in.
  std::vector<api::PointResult> results;
};

struct UpsertLimits {
  size_t piece_bytes_max = kWritePieceBytesMax;
  size_t piece_points_max = kWriteOperationsMax;
};

/// Checks every point by itself (id, vector, payload) and groups those that pass. A refused point
/// has code invalid_argument, and its field, for example "points[3].vector". A single point that is
/// larger than a piece makes a piece of its own.
UpsertPlan plan_upsert(const Route& route, std::vector<api::Point> points, UpsertLimits limits);

/// What became of a piece.
struct PieceOutcome {
  /// Those of the piece.
  std::vector<size_t> places;
  ShardId shard;
  Status status;
  /// The version of its points, when it was written.
  LogIndex version;
};

/// The reply to an upsert whose points were refused (`refused`, one for each point of the request)
/// or have the outcomes given. When no point was written the request failed as a whole,
/// with the first of the gravest failures (graver() in failures.h; unknown_outcome before all).
Result<api::UpsertReply> make_upsert_reply(std::vector<api::PointResult> refused,
                                           const std::vector<PieceOutcome>& outcomes);

}  // namespace vectron::gateway
