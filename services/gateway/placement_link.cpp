#include "services/gateway/placement_link.h"

#include <algorithm>

#include "schemas/placement_rpc.h"

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
  const AttemptLimits limits{config_->attempts_max, config_->backoff_min, config_->backoff_max};
  Attempts attempts(limits, &random_, config_->placement.size(), leader_);
  Doubt doubt(operation.access);
  DamagedCopies damaged(config_->placement.size());
  NobodyListens nobody_listens(config_->placement.size(),
                               env_->clock().monotonic() + kRefusedPatience);
  while (true) {
    const size_t node = attempts.target();
    std::shared_ptr<rpc::Channel> channel = channels_->channel(config_->placement[node]);
    RequestContext attempt =
        attempt_context(context, operation.access, env_->clock(), config_->read_attempt_timeout);
    Result<Reply> reply = co_await call_node<Reply, Request>(
        std::move(channel), operation, std::move(attempt), config_->connect_timeout, request);
    refusals_.note(node, status_of(reply));
    if (reply.has_value()) {
      leader_ = node;
      co_return reply;
    }
    const Status& failure = reply.error();
    const Code code = public_code(failure.code(), operation.access);
    if (judge_placement_failure(failure.code(), operation.access) == Verdict::give_up) {
      co_return fail(doubt.judge(Status(code, failure.message(), failure.field())));
    }
    doubt.note(failure.code());
    damaged.note(node, failure.code() == Code::data_loss);
    const bool again = attempts.advance(hinted_node(failure));
    const Instant next = env_->clock().monotonic() + attempts.pause();
    nobody_listens.note(failure);
    if (!again || nobody_listens.holds(next) || next >= context.deadline) {
      const bool hopeless = damaged.hopeless(true);
      const Status nobody(hopeless ? Code::data_loss : Code::unavailable,
                          "the placement driver: " + failure.message());
      co_return fail(doubt.judge(nobody));
    }
    if (attempts.pause() > Duration(0)) co_await env_->clock().sleep_until(next);
  }
}

std::optional<size_t> PlacementLink::hinted_node(const Status& failure) const {
  const wire::ErrorDetail detail = detail_of(failure);
  const auto found = std::ranges::find(config_->placement, Address{detail.leader_address},
                                       &rpc::NodeAddress::address);
  if (found == config_->placement.end()) return std::nullopt;
  return static_cast<size_t>(found - config_->placement.begin());
}

}  // namespace vectron::gateway
