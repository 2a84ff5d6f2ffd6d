#include "services/gateway/route.h"

#include <fmt/format.h>

#include "services/gateway/translation.h"

namespace vectron::gateway {
namespace {

Result<Route::Shard> make_shard(wire::ShardRoute shard, const std::string& collection) {
  if (shard.members.empty()) {
    return fail(Code::internal,
                fmt::format("shard {} of \"{}\" has no members", shard.shard_id, collection));
  }
  Route::Shard made;
  made.id = ShardId(shard.shard_id);
  for (wire::Member& member : shard.members) {
    made.members.push_back({NodeId(member.node_id), Address{std::move(member.address)}});
  }
  made.leader = rpc::LastLeader(find_member(made.members, NodeId(shard.leader_node)).value_or(0));
  return made;
}

}  // namespace

size_t Route::memory_bytes() const {
  size_t bytes = sizeof(Route) + name.capacity() + ranges.capacity() * sizeof(HashRange) +
                 shards.capacity() * sizeof(Shard);
  for (const Shard& shard : shards) {
    bytes += shard.members.capacity() * sizeof(Member);
    for (const Member& member : shard.members) bytes += member.address.text.capacity();
  }
  return bytes;
}

std::optional<size_t> Route::find_shard(ShardId id) const {
  for (size_t i = 0; i < shards.size(); ++i) {
    if (shards[i].id == id) return i;
  }
  return std::nullopt;
}

std::optional<size_t> find_member(const std::vector<Route::Member>& members, NodeId node) {
  for (size_t i = 0; i < members.size(); ++i) {
    if (members[i].node == node) return i;
  }
  return std::nullopt;
}

Result<Route> make_route(wire::CollectionRoute route) {
  Route made;
  made.id = CollectionId(route.id);
  made.dimension = route.dimension;
  made.distance = to_model(route.distance);
  made.read_level = route.read_level;
  made.epoch = Epoch(route.epoch);
  for (wire::ShardRoute& shard : route.shards) {
    made.ranges.push_back({shard.hash_low, shard.hash_high});
    VECTRON_TRY(Route::Shard made_shard, make_shard(std::move(shard), route.name));
    made.shards.push_back(std::move(made_shard));
  }
  if (made.shards.empty() || !check_covers_all(made.ranges).has_value()) {
    return fail(Code::internal,
                fmt::format("the shards of \"{}\" do not cover all ids", route.name));
  }
  made.name = std::move(route.name);
  return made;
}

}  // namespace vectron::gateway
