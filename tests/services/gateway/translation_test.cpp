#include "services/gateway/translation.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/model/score.h"

// Each way of the translation is compared with the other way, or with a copy field by field, on
// messages whose every field is drawn at random. That every message has just the fields that are
// drawn here is checked by structured bindings: a new field does not compile until it is drawn and
// translated.
namespace vectron::gateway {
namespace {

template <typename T>
T any() {
  return *rc::gen::arbitrary<T>();
}

api::Distance any_distance() {
  return static_cast<api::Distance>(*rc::gen::inRange(0, 3));
}

wire::ReadLevel any_level() {
  return static_cast<wire::ReadLevel>(*rc::gen::inRange(0, 2));
}

api::PointId any_id() {
  api::PointId id;
  id.is_text = any<bool>();
  if (id.is_text) {
    id.text = std::string(*rc::gen::inRange<size_t>(1, 129), any<char>());
  } else {
    id.number = any<uint64_t>();
  }
  return id;
}

wire::IndexOptions any_index() {
  wire::IndexOptions out;
  auto& [m, ef_construction, ef_search_default] = out;
  m = *rc::gen::inRange(1U, 200U);
  ef_construction = *rc::gen::inRange(1U, 200U);
  ef_search_default = *rc::gen::inRange(1U, 200U);
  return out;
}

wire::ReplicaStatus any_replica() {
  wire::ReplicaStatus out;
  auto& [replica_id, node_id, address, applied_index, is_leader, created, lost] = out;
  replica_id = any<uint64_t>();
  node_id = any<uint64_t>();
  address = any<std::string>();
  applied_index = any<uint64_t>();
  is_leader = any<bool>();
  created = any<bool>();
  lost = any<bool>();
  return out;
}

wire::ShardStatus any_shard() {
  wire::ShardStatus out;
  auto& [shard_id, hash_low, hash_high, leader_node, points, indexed, replicas] = out;
  shard_id = any<uint64_t>();
  hash_low = any<uint64_t>();
  hash_high = any<uint64_t>();
  leader_node = any<uint64_t>();
  points = any<uint64_t>();
  indexed = any<uint64_t>();
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) replicas.push_back(any_replica());
  return out;
}

wire::CollectionStatus any_collection() {
  wire::CollectionStatus out;
  auto& [id, name, dimension, distance, replication, read_level, index, epoch, ready, points,
         indexed, shards] = out;
  id = any<uint64_t>();
  name = any<std::string>();
  dimension = any<uint32_t>();
  distance = static_cast<wire::Distance>(any_distance());
  replication = any<uint32_t>();
  read_level = any_level();
  index = any_index();
  epoch = any<uint64_t>();
  ready = any<bool>();
  points = any<uint64_t>();
  indexed = any<uint64_t>();
  for (int i = *rc::gen::inRange(0, 3); i > 0; --i) shards.push_back(any_shard());
  return out;
}

// The way back, field by field.
wire::CollectionStatus back(const api::CollectionStatus& status) {
  const auto& [name, id, dimension, distance, replication, read_level, index, epoch, ready, points,
               indexed, shards] = status;
  wire::CollectionStatus out;
  out.id = id;
  out.name = name;
  out.dimension = dimension;
  out.distance = to_wire(distance);
  out.replication = replication;
  out.read_level = to_wire(read_level, wire::ReadLevel::linearizable);
  out.index = to_wire(std::optional(index));
  out.epoch = epoch;
  out.ready = ready;
  out.points = points;
  out.indexed = indexed;
  for (const api::ShardStatus& shard : shards) {
    wire::ShardStatus& made = out.shards.emplace_back();
    made.shard_id = shard.shard_id;
    made.hash_low = shard.hash_low;
    made.hash_high = shard.hash_high;
    made.leader_node = shard.leader_node;
    made.points = shard.points;
    made.indexed = shard.indexed;
    for (const api::ReplicaStatus& replica : shard.replicas) {
      made.replicas.push_back({replica.replica_id, replica.node_id, replica.address,
                               replica.applied_index, replica.is_leader, replica.created,
                               replica.lost});
    }
  }
  return out;
}

RC_GTEST_PROP(Translation, LosesNothingOfACollectionsStatus, ()) {
  const wire::CollectionStatus status = any_collection();
  RC_ASSERT(back(to_api(status)) == status);
  wire::CreateCollectionReply created;
  created.collection = status;
  RC_ASSERT(back(to_api(created).collection) == status);
  RC_ASSERT(to_api(created).ready == status.ready);
  wire::GetCollectionStatusReply described;
  described.collection = status;
  RC_ASSERT(back(to_api(described).collection) == status);
  wire::ListCollectionsReply list;
  list.collections = {status, any_collection()};
  const api::ListCollectionsReply listed = to_api(list);
  RC_ASSERT(listed.collections.size() == 2U);
  RC_ASSERT(back(listed.collections[0]) == list.collections[0]);
  RC_ASSERT(back(listed.collections[1]) == list.collections[1]);
}

RC_GTEST_PROP(Translation, LosesNothingOfACreateRequest, ()) {
  api::CreateCollectionRequest request;
  auto& [name, dimension, distance, shards, replication, index, read_level] = request;
  name = any<std::string>();
  dimension = any<uint32_t>();
  distance = any_distance();
  shards = any<uint32_t>();
  replication = any<uint32_t>();
  index = to_api(any_index());
  read_level = to_api(any_level());
  const wire::CreateCollectionRequest internal = to_wire(request);
  RC_ASSERT(internal.name == name);
  RC_ASSERT(internal.dimension == dimension);
  RC_ASSERT(to_api(internal.distance) == distance);
  RC_ASSERT(internal.shards == shards);
  RC_ASSERT(internal.replication == replication);
  RC_ASSERT(to_api(internal.index) == index);
  RC_ASSERT(to_api(internal.read_level) == read_level);
}

RC_GTEST_PROP(Translation, LosesNothingOfARemovalOfACollection, ()) {
  api::DeleteCollectionRequest request;
  auto& [name, collection_id] = request;
  name = any<std::string>();
  collection_id = any<uint64_t>();
  const wire::DeleteCollectionRequest internal = to_wire(request);
  RC_ASSERT(internal.name == name);
  RC_ASSERT(internal.id == collection_id);
  wire::DeleteCollectionReply reply;
  auto& [id, complete, absent] = reply;
  id = any<uint64_t>();
  complete = any<bool>();
  absent = any<bool>();  // For the gateway alone.
  RC_ASSERT(to_api(reply).collection_id == id);
  RC_ASSERT(to_api(reply).complete == complete);
}

TEST(Translation, FillsInWhatACreateRequestLeavesOut) {
  api::CreateCollectionRequest request;
  EXPECT_EQ(to_wire(request).index, wire::IndexOptions());
  request.index = api::IndexOptions{0, 0, 0};
  EXPECT_EQ(to_wire(request).index, wire::IndexOptions());
  EXPECT_EQ(to_wire(request).read_level, wire::ReadLevel::linearizable);
}

RC_GTEST_PROP(Translation, LosesNothingOfAPoint, ()) {
  api::Point point;
  auto& [id, vector, payload] = point;
  id = any_id();
  vector = any<std::vector<float>>();
  payload = any<std::vector<uint8_t>>();
  const wire::WriteOperation operation = to_upsert(point);
  RC_ASSERT(operation.kind == wire::WriteKind::upsert);
  // What the worker stores it gives back.
  wire::PointRead read;
  read.found = true;
  read.id = operation.id;
  read.vector = operation.vector;
  read.payload = operation.payload;
  RC_ASSERT(to_api(read) == point);
  RC_ASSERT(to_api(to_remove(id).id) == id);
  RC_ASSERT(to_remove(id).kind == wire::WriteKind::remove);
}

RC_GTEST_PROP(Translation, KeepsIdsWithTheirKinds, ()) {
  const api::PointId id = any_id();
  const Result<PointId> model = to_model(id, "id");
  RC_ASSERT(model.has_value());
  RC_ASSERT(*model == to_model(to_wire(id)));
  RC_ASSERT(to_api(to_wire(id)) == id);
}

RC_GTEST_PROP(Translation, LosesNothingOfASearch, ()) {
  api::SearchRequest request;
  // The last two are for the gateway itself.
  auto& [collection, vector, top_k, ef, exact, read_level, include_payload, include_vector,
         timeout_ms, allow_partial] = request;
  vector = any<std::vector<float>>();
  top_k = any<uint32_t>();
  ef = any<uint32_t>();
  exact = any<bool>();
  include_payload = any<bool>();
  include_vector = any<bool>();
  const ShardTarget target{ShardId(any<uint64_t>()), Epoch(any<uint64_t>()), any_level()};
  const wire::ShardSearchRequest copied = to_search(request, target);
  RC_ASSERT(copied.shard_id == target.shard.value());
  RC_ASSERT(copied.epoch == target.epoch.value());
  RC_ASSERT(copied.read_level == target.read_level);
  RC_ASSERT(copied.vector == vector);
  RC_ASSERT(copied.k == top_k);
  RC_ASSERT(copied.ef == ef);
  RC_ASSERT(copied.exact == exact);
  RC_ASSERT(copied.include_payload == include_payload);
  RC_ASSERT(copied.include_vector == include_vector);
  api::SearchRequest moved = request;
  RC_ASSERT(to_search(std::move(moved), target) == copied);
}

RC_GTEST_PROP(Translation, LosesNothingOfAHit, ()) {
  wire::ShardHit hit;
  auto& [id, distance, version, payload, vector, from_tail] = hit;
  id = to_wire(any_id());
  distance = static_cast<float>(*rc::gen::inRange(0, 1000));
  version = any<uint64_t>();
  payload = any<std::vector<uint8_t>>();
  vector = any<std::vector<float>>();
  const auto kind = static_cast<Distance>(any_distance());
  const api::Hit out = to_api(hit, kind);
  RC_ASSERT(to_wire(out.id) == id);
  RC_ASSERT(out.score == score_of_distance(kind, distance));
  RC_ASSERT(out.version == version);
  RC_ASSERT(out.payload == payload);
  RC_ASSERT(out.vector == vector);
}

RC_GTEST_PROP(Translation, LosesNothingOfARead, ()) {
  api::GetRequest request;
  auto& [collection, id, read_level] = request;
  id = any_id();
  const ShardTarget target{ShardId(any<uint64_t>()), Epoch(any<uint64_t>()), any_level()};
  const wire::ReadRequest read = to_read(request, target);
  RC_ASSERT(read.shard_id == target.shard.value());
  RC_ASSERT(read.epoch == target.epoch.value());
  RC_ASSERT(read.read_level == target.read_level);
  RC_ASSERT(read.ids.size() == 1U);
  RC_ASSERT(to_api(read.ids[0]) == id);
  RC_ASSERT(read.include_vector);
  RC_ASSERT(read.include_payload);
}

TEST(Translation, TakesTheCollectionsLevelWhereARequestNamesNone) {
  for (const auto level : {wire::ReadLevel::linearizable, wire::ReadLevel::eventual}) {
    EXPECT_EQ(to_wire(api::ReadLevel::collection_default, level), level);
    EXPECT_EQ(to_wire(api::ReadLevel::linearizable, level), wire::ReadLevel::linearizable);
    EXPECT_EQ(to_wire(api::ReadLevel::eventual, level), wire::ReadLevel::eventual);
  }
}

}  // namespace
}  // namespace vectron::gateway
