#include "services/gateway/upsert_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/base/assert.h"
#include "services/gateway/failures.h"
#include "services/gateway/translation.h"

namespace vectron::gateway {
namespace {

// What a log entry holds for an operation besides its vector, payload and text.
constexpr size_t kOperationOverheadBytes = 64;

size_t operation_bytes(const wire::WriteOperation& operation) {
  return kOperationOverheadBytes + operation.id.text.size() +
         operation.vector.size() * sizeof(float) + operation.payload.size();
}

Result<PointId> check_point(const Route& route, const api::Point& point, size_t place) {
  VECTRON_TRY(PointId id, to_model(point.id, fmt::format("points[{}].id", place)));
  VECTRON_CHECK_OK(check_vector(point.vector, route.dimension, route.distance,
                                fmt::format("points[{}].vector", place)));
  if (point.payload.size() > kPayloadBytesMax) {
    return fail(Code::invalid_argument,
                fmt::format("a payload has at most {} bytes, this one has {}", kPayloadBytesMax,
                            point.payload.size()),
                fmt::format("points[{}].payload", place));
  }
  return id;
}

void append(UpsertPart* part, wire::WriteOperation operation, size_t place, UpsertLimits limits) {
  const size_t bytes = operation_bytes(operation);
  if (part->pieces.empty() || part->pieces.back().bytes + bytes > limits.piece_bytes_max ||
      part->pieces.back().operations.size() >= limits.piece_points_max) {
    part->pieces.emplace_back();
  }
  UpsertPiece& piece = part->pieces.back();
  piece.operations.push_back(std::move(operation));
  piece.places.push_back(place);
  piece.bytes += bytes;
}

api::PointResult to_result(const Status& status) {
  api::PointResult result;
  result.code = static_cast<uint8_t>(status.code());
  result.message = status.message();
  result.field = status.field();
  return result;
}

// The first of the gravest failures. Requires: one of `results` failed.
Status gravest_failure(const std::vector<api::PointResult>& results) {
  Code gravest = Code::ok;
  for (const api::PointResult& result : results) {
    gravest = graver(gravest, static_cast<Code>(result.code));
  }
  const auto found = std::find_if(results.begin(), results.end(), [&](const auto& result) {
    return static_cast<Code>(result.code) == gravest;
  });
  VECTRON_ASSERT(found != results.end() && gravest != Code::ok);
  return Status(gravest, found->message, found->field);
}

}  // namespace

UpsertPlan plan_upsert(const Route& route, std::vector<api::Point> points, UpsertLimits limits) {
  UpsertPlan plan;
  plan.results.resize(points.size());
  std::map<size_t, UpsertPart> by_shard;
  for (size_t place = 0; place < points.size(); ++place) {
    const Result<PointId> id = check_point(route, points[place], place);
    if (!id.has_value()) {
      plan.results[place] = to_result(id.error());
      continue;
    }
    const size_t shard = route.shard_of(*id);
    UpsertPart& part = by_shard[shard];
    part.shard = shard;
    append(&part, to_upsert(std::move(points[place])), place, limits);
  }
  for (auto& [shard, part] : by_shard) plan.parts.push_back(std::move(part));
  return plan;
}

Result<api::UpsertReply> make_upsert_reply(std::vector<api::PointResult> refused,
                                           const std::vector<PieceOutcome>& outcomes) {
  api::UpsertReply reply;
  reply.results = std::move(refused);
  std::map<ShardId, LogIndex> tokens;
  for (const PieceOutcome& outcome : outcomes) {
    for (const size_t place : outcome.places) {
      reply.results[place] = to_result(outcome.status);
      if (outcome.status.ok()) reply.results[place].version = outcome.version.value();
    }
    if (!outcome.status.ok()) continue;
    LogIndex& token = tokens[outcome.shard];
    token = std::max(token, outcome.version);
  }
  if (tokens.empty()) return fail(gravest_failure(reply.results));
  reply.failed =
      static_cast<uint32_t>(std::count_if(reply.results.begin(), reply.results.end(),
                                          [](const auto& result) { return result.code != 0; }));
  for (const auto& [shard, index] : tokens) {
    reply.tokens.push_back({shard.value(), index.value()});
  }
  return reply;
}

}  // namespace vectron::gateway
