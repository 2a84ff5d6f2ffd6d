// PlacementLink: the gateway's way to the placement driver, whichever of its nodes leads.
#pragma once

#include <vector>

#include "core/env/env.h"
#include "core/rpc/calls/last_leader.h"
#include "core/rpc/channel_pool.h"
#include "core/rpc/cluster_refusals.h"
#include "schemas/placement_messages.h"
#include "services/gateway/operation.h"

namespace vectron::gateway {

/// Asks the node that led last; on another answer follows its hint, then tries the others, with
/// pauses between rounds, until the deadline, or for a second when nobody listens at any of them.
/// Errors of all: those of the contract; unavailable (no leader was found in time; not done).
class PlacementLink {
 public:
  /// All outlive it, and it outlives its tasks.
  PlacementLink(Env* env, rpc::ChannelPool* channels, const GatewayConfig* config);

  /// Errors: already_exists, invalid_argument, unknown_outcome.
  Task<Result<wire::CreateCollectionReply>> create_collection(
      RequestContext context, wire::CreateCollectionRequest request);
  /// Errors: not_found, invalid_argument, resource_exhausted, unknown_outcome.
  Task<Result<wire::DeleteCollectionReply>> delete_collection(
      RequestContext context, wire::DeleteCollectionRequest request);
  Task<Result<wire::ListCollectionsReply>> list_collections(RequestContext context);
  Task<Result<wire::ListWorkersReply>> list_workers(RequestContext context);
  /// Errors: not_found.
  Task<Result<wire::GetCollectionStatusReply>> collection_status(RequestContext context,
                                                                 std::string name);
  /// Errors: not_found.
  Task<Result<wire::GetCollectionReply>> collection_route(RequestContext context, std::string name);

  /// Whether every node said, when it was asked last, that it belongs to another cluster.
  bool is_of_another_cluster() const { return refusals_.by_all(); }

 private:
  template <typename Reply, typename Request>
  Task<Result<Reply>> call(RequestContext context, Operation operation, Request request);

  Env* env_;
  rpc::ChannelPool* channels_;
  const GatewayConfig* config_;
  RandomStream random_;
  rpc::LastLeader leader_;
  rpc::ClusterRefusals refusals_;
};

}  // namespace vectron::gateway
