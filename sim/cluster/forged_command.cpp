#include "sim/cluster/forged_command.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "core/base/assert.h"
#include "core/model/shard_map.h"
#include "sim/cluster/node_configs.h"

namespace vectron::sim {
namespace {

// Numbers of fields in their tables (schemas/storage.fbs).
constexpr size_t kOperationsField = 1;
constexpr size_t kPayloadField = 3;

template <typename T>
T number_at(const Bytes& bytes, size_t place) {
  VECTRON_ASSERT(place + sizeof(T) <= bytes.size(), "{} is not in a buffer", place);
  T number;
  std::memcpy(&number, bytes.data() + place, sizeof(number));
  return number;
}

// Where an offset that lies at `place` leads.
size_t target_of(const Bytes& bytes, size_t place) {
  return place + number_at<uint32_t>(bytes, place);
}

// Where a table's field lies.
size_t field_of(const Bytes& bytes, size_t table, size_t field) {
  const size_t layout =
      static_cast<size_t>(static_cast<int64_t>(table) - number_at<int32_t>(bytes, table));
  const auto distance = number_at<uint16_t>(bytes, layout + 4 + 2 * field);
  VECTRON_ASSERT(distance != 0, "field {} is absent", field);
  return table + distance;
}

stored::ShardOperation upsert_of(RandomStream* random, const PlanCollection& collection) {
  stored::ShardOperation operation;
  operation.id.number = random->below(collection.keys);
  operation.vectors.emplace_back();
  operation.vectors.front().values.assign(collection.dimension, 1.0F);
  return operation;
}

Bytes shared_payload_command(RandomStream* random, const PlanCollection& collection) {
  stored::ShardCommand command;
  for (size_t i = 0; i < 3; ++i) {
    command.operations.push_back(upsert_of(random, collection));
    const size_t bytes = i == 0 ? kCommitBytesMax * 3 / 8 : 1;
    command.operations.back().payload.assign(bytes, static_cast<uint8_t>(i));
  }
  return share_first_payload(encode(command));
}

/// What no collection takes, and what only some do not.
enum class Impossible : uint8_t {
  not_a_number,
  infinite,
  too_many_components,
  two_vectors,
  /// Has no direction.
  zero,
  /// Its distances overflow.
  too_long,
  /// No shard holds all of its points.
  of_many_shards,
};

/// Whoever forges does not look up which collection a group is of.
std::vector<Impossible> impossible_in_all(std::span<const PlanCollection> collections) {
  using enum Impossible;
  std::vector<Impossible> kinds = {not_a_number, infinite, too_many_components, two_vectors};
  const auto cosine = [](const PlanCollection& each) {
    return each.distance == PlanDistance::cosine;
  };
  const auto divided = [](const PlanCollection& each) { return each.shards > 1; };
  if (std::ranges::all_of(collections, cosine)) kinds.push_back(zero);
  if (std::ranges::none_of(collections, cosine)) kinds.push_back(too_long);
  if (std::ranges::all_of(collections, divided)) kinds.push_back(of_many_shards);
  return kinds;
}

}  // namespace

Bytes share_first_payload(Bytes command) {
  const size_t operations =
      target_of(command, field_of(command, target_of(command, 0), kOperationsField));
  const auto count = number_at<uint32_t>(command, operations);
  size_t payload = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const size_t operation = target_of(command, operations + 4 + 4 * size_t{i});
    const size_t place = field_of(command, operation, kPayloadField);
    if (i == 0) payload = target_of(command, place);
    VECTRON_ASSERT(payload > place, "offsets lead forward");
    const auto offset = static_cast<uint32_t>(payload - place);
    std::memcpy(command.data() + place, &offset, sizeof(offset));
  }
  return command;
}

Bytes forged_shard_command(RandomStream* random, std::span<const PlanCollection> collections) {
  const PlanCollection& collection = collections[random->below(collections.size())];
  // Long, and so sent seldom.
  if (random->chance_ppm(50'000)) return shared_payload_command(random, collection);
  stored::ShardCommand command;
  command.operations.push_back(upsert_of(random, collection));
  stored::ShardOperation& operation = command.operations.front();
  std::vector<float>& values = operation.vectors.front().values;
  float& component = values[random->below(values.size())];
  const std::vector<Impossible> kinds = impossible_in_all(collections);
  switch (kinds[random->below(kinds.size())]) {
    case Impossible::zero:
      values.assign(values.size(), 0.0F);
      break;
    case Impossible::too_long:
      values.assign(values.size(), 1e30F);
      break;
    case Impossible::not_a_number:
      component = std::numeric_limits<float>::quiet_NaN();
      break;
    case Impossible::infinite:
      component = -std::numeric_limits<float>::infinity();
      break;
    case Impossible::too_many_components:
      values.assign(std::ranges::max(collections, {}, &PlanCollection::dimension).dimension + 1,
                    1.0F);
      break;
    case Impossible::two_vectors:
      operation.vectors.push_back(operation.vectors.front());
      break;
    case Impossible::of_many_shards:
      command.operations.clear();
      for (uint64_t id = 0; id < 64; ++id) {
        command.operations.push_back(upsert_of(random, collection));
        command.operations.back().id.number = id;
      }
  }
  return encode(command);
}

Bytes forged_placement_command(RandomStream* random) {
  stored::PlacementCommand command;
  command.create_collection = stored::CreateCollectionCommand{};
  stored::CreateCollectionCommand& create = *command.create_collection;
  create.name = "forged";
  create.dimension = 4;
  create.replication = 1;
  create.index.m = 8;
  create.index.ef_construction = 64;
  create.index.ef_search_default = 64;
  stored::PlannedShard shard;
  shard.hash_high = UINT64_MAX;
  shard.node_ids = {node_id(ServiceId::worker, 0).value()};
  create.shards = {shard};
  switch (random->below(7)) {
    case 0:
      create.index.m = static_cast<uint32_t>(random->below(2));
      break;
    case 1:
      create.index.ef_construction = 0;
      break;
    case 2:
      create.dimension = random->chance_ppm(500'000) ? 0 : UINT32_MAX;
      break;
    case 3:
      create.shards.front().hash_low = 7;
      break;
    case 4:
      create.shards.front().node_ids.clear();
      break;
    case 5:
      create.shards.clear();
      break;
    default:
      create.name = "no name/";
  }
  return encode(command);
}

}  // namespace vectron::sim
