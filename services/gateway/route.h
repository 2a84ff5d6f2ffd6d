// Route: where the shards of one collection lie, as a gateway knows it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/model/collection.h"
#include "core/model/point_id.h"
#include "core/model/shard_map.h"
#include "core/rpc/calls/last_leader.h"
#include "core/rpc/node_address.h"
#include "schemas/placement_messages.h"

namespace vectron::gateway {

/// Shared by the requests that use it, all on the gateway's event loop. Only the leader hints
/// change; a new shard map is a new Route.
struct Route {
  using Member = rpc::NodeAddress;
  struct Shard {
    ShardId id;
    /// Never empty.
    std::vector<Member> members;
    /// The member that is asked first.
    rpc::LastLeader leader;
  };

  CollectionId id;
  std::string name;
  uint32_t dimension = 0;
  Distance distance = Distance::cosine;
  wire::ReadLevel read_level = wire::ReadLevel::linearizable;
  Epoch epoch;
  /// Cover the whole hash space.
  std::vector<HashRange> ranges;
  /// One for each range, in the same order.
  std::vector<Shard> shards;

  /// About what it takes in memory.
  size_t memory_bytes() const;
  /// The position of the shard that holds `id`.
  size_t shard_of(const PointId& id) const { return find_range(ranges, placement_hash(id)); }
  /// The position of the shard named `id`, if the collection has it.
  std::optional<size_t> find_shard(ShardId id) const;
};

/// The position of `node` among `members`, if it is one.
std::optional<size_t> find_member(const std::vector<Route::Member>& members, NodeId node);

/// Takes what the placement driver says. Errors: internal (ranges with gaps, a shard without
/// members).
Result<Route> make_route(wire::CollectionRoute route);

}  // namespace vectron::gateway
