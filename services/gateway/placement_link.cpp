#include "services/gateway/placement_link.h"

#include "schemas/leader_hint.h"
#include "schemas/placement_rpc.h"
#include "schemas/typed_rpc.h"
#include "services/gateway/failures.h"

namespace vectron::gateway {

PlacementLink::PlacementLink(Env* env, rpc::ChannelPool* channels, const GatewayConfig* config)
    : env_(env),
      channels_(channels),
      config_(config),
      random_(env->random("gateway.placement")),
      refusals_(config->placement.size()) {}

Task<Result<wire::CreateCollectionReply>> PlacementLink::create_collection(
    RequestContext context, wire::CreateCollectionRequest request) {
  const Operation operation{&wire::kPlacementCreateCollectionMethod, Access::write};
  return call<wire::CreateCollectionReply>(std::move(context), operation, std::move(request));
}

Task<Result<wire::DeleteCollectionReply>> PlacementLink::delete_collection(
    RequestContext context, wire::DeleteCollectionRequest request) {
  const Operation operation{&wire::kPlacementDeleteCollectionMethod, Access::repeatable_write};
  return call<wire::DeleteCollectionReply>(std::move(context), operation, std::move(request));
}

Task<Result<wire::ListWorkersReply>> PlacementLink::list_workers(RequestContext context) {
  const Operation operation{&wire::kPlacementListWorkersMethod, Access::read};
  return call<wire::ListWorkersReply>(std::move(context), operation, wire::ListWorkersRequest());
}

Task<Result<wire::ListCollectionsReply>> PlacementLink::list_collections(RequestContext context) {
  const Operation operation{&wire::kPlacementListCollectionsMethod, Access::read};
  return call<wire::ListCollectionsReply>(std::move(context), operation,
                                          wire::ListCollectionsRequest());
}

Task<Result<wire::GetCollectionStatusReply>> PlacementLink::collection_status(
    RequestContext context, std::string name) {
  const Operation operation{&wire::kPlacementGetCollectionStatusMethod, Access::read};
  wire::GetCollectionStatusRequest request;
  request.name = std::move(name);
  return call<wire::GetCollectionStatusReply>(std::move(context), operation, std::move(request));
}

Task<Result<wire::GetCollectionReply>> PlacementLink::collection_route(RequestContext context,
                                                                       std::string name) {
  const Operation operation{&wire::kPlacementGetCollectionMethod, Access::read};
  wire::GetCollectionRequest request;
  request.name = std::move(name);
  return call<wire::GetCollectionReply>(std::move(context), operation, std::move(request));
}

template <typename Reply, typename Request>
Task<Result<Reply>> PlacementLink::call(RequestContext context, Operation operation, Request made) {
  const auto request = std::make_shared<const Request>(std::move(made));
  const std::vector<rpc::NodeAddress>& nodes = config_->placement;
  Clock& clock = env_->clock();
  rpc::Inquiry inquiry(inquiry_limits(*config_), &random_,
                       {.access = operation.access,
                        .targets = nodes.size(),
                        .first = leader_.node(),
                        .now = clock.monotonic(),
                        .deadline = context.deadline});
  DamagedCopies damaged(nodes.size());
  while (true) {
    const size_t node = inquiry.target();
    std::shared_ptr<rpc::Channel> channel = channels_->channel(nodes[node]);
    RequestContext attempt = context;
    attempt.deadline = inquiry.attempt_deadline(clock.monotonic());
    Result<Reply> reply = co_await rpc::call_promptly<Reply, Request>(
        std::move(channel), operation.method, std::move(attempt), config_->connect_timeout,
        request);
    refusals_.note(node, status_of(reply));
    if (reply.has_value()) {
      leader_.answered(node);
      co_return reply;
    }
    const Status failure = std::move(reply).error();
    const std::optional<size_t> named = wire::named_leader(nodes, failure);
    if (rpc::shows_no_leader(failure.code())) leader_.pass_on(node, nodes.size(), named);
    if (judge_placement_failure(failure.code(), operation.access) == Verdict::give_up) {
      co_return fail(inquiry.told(Status(failure.code(), failure.message(), failure.field())));
    }
    damaged.note(node, failure.code() == Code::data_loss);
    inquiry.advance(failure, named);
    const Instant now = clock.monotonic();
    const std::optional<Instant> next = inquiry.next(now);
    if (!next) {
      const Code code = damaged.hopeless(true) ? Code::data_loss : Code::unavailable;
      co_return fail(inquiry.told(Status(code, "the placement driver: " + failure.message())));
    }
    if (*next > now) co_await clock.sleep_until(*next);
  }
}

}  // namespace vectron::gateway
