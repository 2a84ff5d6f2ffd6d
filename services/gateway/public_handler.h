// PublicHandler: what a gateway does for each public request.
//
// Check, find the route, ask the shards, translate back. Every method bounds the request's deadline
// first.
#pragma once

#include "schemas/vectron_rpc.h"
#include "services/gateway/gateway_service.h"
#include "services/gateway/placement_link.h"
#include "services/gateway/route_cache.h"
#include "services/gateway/search_reply.h"
#include "services/gateway/shard_caller.h"
#include "services/gateway/upsert_plan.h"

namespace vectron::gateway {

class PublicHandler final : public api::VectronHandler {
 public:
  struct Parts {
    Env* env = nullptr;
    PlacementLink* placement = nullptr;
    RouteCache* routes = nullptr;
    ShardCaller* shards = nullptr;
    const GatewayConfig* config = nullptr;
  };
  /// All parts outlive it, and it outlives its tasks.
  explicit PublicHandler(Parts parts) : parts_(parts) {}

  Task<Result<api::CreateCollectionReply>> create_collection(
      RequestContext context, api::CreateCollectionRequest request) override;
  Task<Result<api::ListCollectionsReply>> list_collections(
      RequestContext context, api::ListCollectionsRequest request) override;
  Task<Result<api::ListWorkersReply>> list_workers(RequestContext context,
                                                   api::ListWorkersRequest request) override;
  Task<Result<api::GetCollectionStatusReply>> get_collection_status(
      RequestContext context, api::GetCollectionStatusRequest request) override;
  Task<Result<api::DeleteCollectionReply>> delete_collection(
      RequestContext context, api::DeleteCollectionRequest request) override;
  Task<Result<api::UpsertReply>> upsert(RequestContext context,
                                        api::UpsertRequest request) override;
  Task<Result<api::GetReply>> get(RequestContext context, api::GetRequest request) override;
  Task<Result<api::DeleteReply>> delete_(RequestContext context,
                                         api::DeleteRequest request) override;
  Task<Result<api::SearchReply>> search(RequestContext context,
                                        api::SearchRequest request) override;

 private:
  /// Gives the request its deadline, a little before the client's own, so that the answer is there
  /// in time, and notes what it is about.
  RequestContext admit(RequestContext context, std::string_view collection = {});
  Task<Result<RouteHandle>> find_route(RequestContext context, std::string name);

  Task<Result<wire::WriteReply>> write_one(RequestContext context, RouteHandle route, size_t shard,
                                           wire::WriteRequest request);
  UpsertLimits upsert_limits() const;
  Task<UpsertPlan> plan_on_pool(RouteHandle route, std::vector<api::Point> points, CpuCost cost);
  Task<std::vector<PieceOutcome>> write_part(RequestContext context, RouteHandle route,
                                             UpsertPart part, uint64_t request_id);
  Task<std::vector<std::vector<PieceOutcome>>> write_parts(RequestContext context,
                                                           RouteHandle route,
                                                           std::vector<UpsertPart> parts,
                                                           uint64_t request_id);
  Task<Result<api::SearchReply>> merge_on_pool(RouteHandle route, SearchReplyOptions options,
                                               ShardAnswers answers, CpuCost cost);
  /// One answer for each shard, in their order.
  Task<ShardAnswers> search_shards(RequestContext context, RouteHandle route,
                                   api::SearchRequest request);

  Parts parts_;
};

/// How much earlier than a client a gateway gives up, for a request with `remaining` time.
Duration answer_margin(Duration remaining);

}  // namespace vectron::gateway
