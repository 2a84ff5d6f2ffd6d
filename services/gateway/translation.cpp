#include "services/gateway/translation.h"

#include "core/base/assert.h"
#include "core/model/score.h"
#include "schemas/point_id_message.h"

namespace vectron::gateway {
namespace {

// The numbers of the two contracts' distances are the same, and both codecs refuse others.
static_assert(static_cast<int>(api::Distance::cosine) == static_cast<int>(wire::Distance::cosine));
static_assert(static_cast<int>(api::Distance::dot) == static_cast<int>(wire::Distance::dot));
static_assert(static_cast<int>(api::Distance::euclidean) ==
              static_cast<int>(wire::Distance::euclidean));
static_assert(static_cast<int>(Distance::cosine) == static_cast<int>(wire::Distance::cosine));
static_assert(static_cast<int>(Distance::dot) == static_cast<int>(wire::Distance::dot));
static_assert(static_cast<int>(Distance::euclidean) == static_cast<int>(wire::Distance::euclidean));

api::ReplicaStatus to_api(wire::ReplicaStatus status) {
  api::ReplicaStatus out;
  out.replica_id = status.replica_id;
  out.node_id = status.node_id;
  out.address = std::move(status.address);
  out.applied_index = status.applied_index;
  out.is_leader = status.is_leader;
  out.created = status.created;
  out.lost = status.lost;
  return out;
}

api::ShardStatus to_api(wire::ShardStatus status) {
  api::ShardStatus out;
  out.shard_id = status.shard_id;
  out.hash_low = status.hash_low;
  out.hash_high = status.hash_high;
  out.leader_node = status.leader_node;
  out.points = status.points;
  out.indexed = status.indexed;
  for (wire::ReplicaStatus& replica : status.replicas) {
    out.replicas.push_back(to_api(std::move(replica)));
  }
  return out;
}

// All of a search but its vector.
wire::ShardSearchRequest search_without_vector(const api::SearchRequest& request,
                                               const ShardTarget& target) {
  wire::ShardSearchRequest out;
  out.shard_id = target.shard.value();
  out.epoch = target.epoch.value();
  out.read_level = target.read_level;
  out.k = request.top_k;
  out.ef = request.ef;
  out.exact = request.exact;
  out.include_payload = request.include_payload;
  out.include_vector = request.include_vector;
  return out;
}

}  // namespace

Distance to_model(wire::Distance distance) {
  return static_cast<Distance>(distance);
}

Result<PointId> to_model(const api::PointId& id, const std::string& field) {
  Result<PointId> made = id_of_message(id);
  if (made.has_value()) return made;
  return fail(made.error().code(), made.error().message(), field);
}

PointId to_model(const wire::PointId& id) {
  Result<PointId> made = id_of_message(id);
  VECTRON_ASSERT(made.has_value(), "an id was checked at the public side");
  return *std::move(made);
}

wire::Distance to_wire(api::Distance distance) {
  return static_cast<wire::Distance>(distance);
}

wire::PointId to_wire(api::PointId id) {
  return message_as<wire::PointId>(std::move(id));
}

wire::ReadLevel to_wire(api::ReadLevel level, wire::ReadLevel fallback) {
  switch (level) {
    case api::ReadLevel::linearizable:
      return wire::ReadLevel::linearizable;
    case api::ReadLevel::eventual:
      return wire::ReadLevel::eventual;
    case api::ReadLevel::collection_default:
      break;
  }
  return fallback;
}

wire::IndexOptions to_wire(const std::optional<api::IndexOptions>& options) {
  wire::IndexOptions out;
  if (!options) return out;
  if (options->m != 0) out.m = options->m;
  if (options->ef_construction != 0) out.ef_construction = options->ef_construction;
  if (options->ef_search_default != 0) out.ef_search_default = options->ef_search_default;
  return out;
}

wire::CreateCollectionRequest to_wire(api::CreateCollectionRequest request) {
  wire::CreateCollectionRequest out;
  out.name = std::move(request.name);
  out.dimension = request.dimension;
  out.distance = to_wire(request.distance);
  out.shards = request.shards;
  out.replication = request.replication;
  out.index = to_wire(request.index);
  out.read_level = to_wire(request.read_level, wire::ReadLevel::linearizable);
  return out;
}

wire::DeleteCollectionRequest to_wire(api::DeleteCollectionRequest request) {
  wire::DeleteCollectionRequest out;
  out.name = std::move(request.name);
  out.id = request.collection_id;
  return out;
}

wire::WriteOperation to_upsert(api::Point point) {
  wire::WriteOperation out;
  out.kind = wire::WriteKind::upsert;
  out.id = to_wire(std::move(point.id));
  out.vector = std::move(point.vector);
  out.payload = std::move(point.payload);
  return out;
}

wire::WriteOperation to_remove(api::PointId id) {
  wire::WriteOperation out;
  out.kind = wire::WriteKind::remove;
  out.id = to_wire(std::move(id));
  return out;
}

wire::ReadRequest to_read(api::GetRequest request, const ShardTarget& target) {
  wire::ReadRequest out;
  out.shard_id = target.shard.value();
  out.epoch = target.epoch.value();
  out.read_level = target.read_level;
  out.ids.push_back(to_wire(std::move(request.id)));
  out.include_vector = true;
  out.include_payload = true;
  return out;
}

wire::ShardSearchRequest to_search(const api::SearchRequest& request, const ShardTarget& target) {
  wire::ShardSearchRequest out = search_without_vector(request, target);
  out.vector = request.vector;
  return out;
}

wire::ShardSearchRequest to_search(api::SearchRequest&& request, const ShardTarget& target) {
  wire::ShardSearchRequest out = search_without_vector(request, target);
  out.vector = std::move(request.vector);
  return out;
}

api::Distance to_api(wire::Distance distance) {
  return static_cast<api::Distance>(distance);
}

api::PointId to_api(wire::PointId id) {
  return message_as<api::PointId>(std::move(id));
}

api::ReadLevel to_api(wire::ReadLevel level) {
  return level == wire::ReadLevel::linearizable ? api::ReadLevel::linearizable
                                                : api::ReadLevel::eventual;
}

api::IndexOptions to_api(const wire::IndexOptions& options) {
  api::IndexOptions out;
  out.m = options.m;
  out.ef_construction = options.ef_construction;
  out.ef_search_default = options.ef_search_default;
  return out;
}

api::CollectionStatus to_api(wire::CollectionStatus status) {
  api::CollectionStatus out;
  out.name = std::move(status.name);
  out.id = status.id;
  out.dimension = status.dimension;
  out.distance = to_api(status.distance);
  out.replication = status.replication;
  out.read_level = to_api(status.read_level);
  out.index = to_api(status.index);
  out.epoch = status.epoch;
  out.ready = status.ready;
  out.points = status.points;
  out.indexed = status.indexed;
  for (wire::ShardStatus& shard : status.shards) out.shards.push_back(to_api(std::move(shard)));
  return out;
}

api::CreateCollectionReply to_api(wire::CreateCollectionReply reply) {
  api::CreateCollectionReply out;
  out.ready = reply.collection.ready;
  out.collection = to_api(std::move(reply.collection));
  return out;
}

api::DeleteCollectionReply to_api(wire::DeleteCollectionReply reply) {
  api::DeleteCollectionReply out;
  out.collection_id = reply.id;
  out.complete = reply.complete;
  return out;
}

api::ListWorkersReply to_api(wire::ListWorkersReply reply) {
  api::ListWorkersReply out;
  out.workers.reserve(reply.workers.size());
  for (wire::WorkerStatus& worker : reply.workers) {
    api::WorkerStatus& status = out.workers.emplace_back();
    status.node_id = worker.node_id;
    status.address = std::move(worker.address);
    status.state = static_cast<api::WorkerState>(worker.state);
    status.zone = std::move(worker.zone);
    status.rack = std::move(worker.rack);
    status.host = std::move(worker.host);
    status.capacity_bytes = worker.capacity_bytes;
    status.stored_bytes = worker.stored_bytes;
    status.incarnation = worker.incarnation;
    status.silence_ms = worker.silence_ms;
    status.replicas = worker.replicas;
    status.leaders = worker.leaders;
    status.lost_replicas = worker.lost_replicas;
    status.points = worker.points;
  }
  return out;
}

api::ListCollectionsReply to_api(wire::ListCollectionsReply reply) {
  api::ListCollectionsReply out;
  for (wire::CollectionStatus& status : reply.collections) {
    out.collections.push_back(to_api(std::move(status)));
  }
  return out;
}

api::GetCollectionStatusReply to_api(wire::GetCollectionStatusReply reply) {
  api::GetCollectionStatusReply out;
  out.collection = to_api(std::move(reply.collection));
  return out;
}

api::Point to_api(wire::PointRead point) {
  VECTRON_ASSERT(point.found);
  api::Point out;
  out.id = to_api(std::move(point.id));
  out.vector = std::move(point.vector);
  out.payload = std::move(point.payload);
  return out;
}

api::Hit to_api(wire::ShardHit hit, Distance distance) {
  api::Hit out;
  out.id = to_api(std::move(hit.id));
  out.score = score_of_distance(distance, hit.distance);
  out.version = hit.version;
  out.payload = std::move(hit.payload);
  out.vector = std::move(hit.vector);
  return out;
}

}  // namespace vectron::gateway
