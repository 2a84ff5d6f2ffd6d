// The one place where the public contract (schemas/vectron.fbs) and the internal ones meet.
//
// Neither knows the other; a change of one shows here. Pure functions; the vectors and payloads of
// what is given by value are moved, not copied. tests/services/gateway/translation_test.cpp checks
// that nothing is lost.
#pragma once

#include <optional>

#include "core/base/ids.h"
#include "core/model/collection.h"
#include "core/model/point_id.h"
#include "schemas/placement_messages.h"
#include "schemas/vectron_messages.h"
#include "schemas/worker_messages.h"

namespace vectron::gateway {

// Into the model, with its rules.

Distance to_model(wire::Distance distance);
/// Errors: invalid_argument, with `field` before the name of the part at fault.
Result<PointId> to_model(const api::PointId& id, const std::string& field);
PointId to_model(const wire::PointId& id);

// From public to internal.

wire::Distance to_wire(api::Distance distance);
wire::PointId to_wire(api::PointId id);
/// `fallback` is the collection's own level.
wire::ReadLevel to_wire(api::ReadLevel level, wire::ReadLevel fallback);
/// Zeros become the defaults.
wire::IndexOptions to_wire(const std::optional<api::IndexOptions>& options);
wire::CreateCollectionRequest to_wire(api::CreateCollectionRequest request);
wire::DeleteCollectionRequest to_wire(api::DeleteCollectionRequest request);
wire::WriteOperation to_upsert(api::Point point);
wire::WriteOperation to_remove(api::PointId id);

/// What every request to a shard says besides its content.
struct ShardTarget {
  ShardId shard;
  Epoch epoch;
  wire::ReadLevel read_level = wire::ReadLevel::linearizable;
};
wire::ReadRequest to_read(api::GetRequest request, const ShardTarget& target);
/// The vector is copied: one for each shard.
wire::ShardSearchRequest to_search(const api::SearchRequest& request, const ShardTarget& target);
/// The vector is moved: for the last shard, or the only one.
wire::ShardSearchRequest to_search(api::SearchRequest&& request, const ShardTarget& target);

// From internal to public.

api::Distance to_api(wire::Distance distance);
api::PointId to_api(wire::PointId id);
api::ReadLevel to_api(wire::ReadLevel level);
api::IndexOptions to_api(const wire::IndexOptions& options);
api::CollectionStatus to_api(wire::CollectionStatus status);
api::CreateCollectionReply to_api(wire::CreateCollectionReply reply);
api::DeleteCollectionReply to_api(wire::DeleteCollectionReply reply);
api::ListCollectionsReply to_api(wire::ListCollectionsReply reply);
api::ListWorkersReply to_api(wire::ListWorkersReply reply);
api::GetCollectionStatusReply to_api(wire::GetCollectionStatusReply reply);
/// Requires: point.found.
api::Point to_api(wire::PointRead point);
/// The distance becomes a score of `distance`.
api::Hit to_api(wire::ShardHit hit, Distance distance);

}  // namespace vectron::gateway
