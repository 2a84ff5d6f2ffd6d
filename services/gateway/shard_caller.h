// ShardCaller: asks a shard, that is, whichever of its replicas can answer.
//
// Linearizable reads and writes go to the leader: the one last seen to lead first, then whom a
// refusal names, then the other members, with pauses between rounds. Eventual reads begin at a
// random replica. A write is sent again only after an answer that says that it was certainly not
// done (docs/internals/services_gateway.md has the table).
#pragma once

#include "core/rpc/channel_pool.h"
#include "schemas/worker_messages.h"
#include "services/gateway/operation.h"
#include "services/gateway/route_cache.h"

namespace vectron::gateway {

class ShardInquiry;

/// Errors of all: unavailable (nobody could do it in time; not done), data_loss (too many copies of
/// the shard are damaged for any repetition to help), and what the worker says of the request
/// itself.
class ShardCaller {
 public:
  /// All outlive it, and it outlives its tasks.
  ShardCaller(Env* env, rpc::ChannelPool* channels, RouteCache* routes,
              const GatewayConfig* config);

  /// `shard` is a position in route->shards; the request's shard and epoch are those of the route.
  /// Errors: also unknown_outcome.
  Task<Result<wire::WriteReply>> write(RequestContext context, RouteHandle route, size_t shard,
                                       wire::WriteRequest request);
  Task<Result<wire::ReadReply>> read(RequestContext context, RouteHandle route, size_t shard,
                                     wire::ReadRequest request);
  Task<Result<wire::ShardSearchReply>> search(RequestContext context, RouteHandle route,
                                              size_t shard, wire::ShardSearchRequest request);

 private:
  /// A shard, by its position in a route.
  struct Aim {
    RouteHandle route;
    size_t position = 0;
    Route::Shard& shard() const { return route->shards[position]; }
  };

  template <typename Reply, typename Request>
  Task<Result<Reply>> call(RequestContext context, RouteHandle route, size_t shard,
                           Operation operation, Request request);
  /// Fetches the route anew; when that fails, `aim` stays. Errors: what the caller is told.
  Task<Result<void>> aim_anew(RequestContext context, ShardInquiry* inquiry, Aim* aim);
  Instant now() const { return env_->clock().monotonic(); }

  Env* env_;
  rpc::ChannelPool* channels_;
  RouteCache* routes_;
  const GatewayConfig* config_;
  RandomStream random_;
};

}  // namespace vectron::gateway
