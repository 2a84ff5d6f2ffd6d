#include "services/gateway/shard_caller.h"

#include <fmt/format.h>

#include "schemas/leader_hint.h"
#include "schemas/typed_rpc.h"
#include "schemas/worker_rpc.h"
#include "services/gateway/shard_inquiry.h"

namespace vectron::gateway {
namespace {

Operation reading(const rpc::MethodInfo* method, wire::ReadLevel level) {
  return {method, Access::read, level == wire::ReadLevel::eventual};
}

void pass_on(const Status& failure, size_t asked, Route::Shard* shard) {
  if (!rpc::shows_no_leader(failure.code()) && !is_damaged_copy(failure)) return;
  const NodeId named(wire::leader_hint(failure).leader_node);
  shard->leader.pass_on(asked, shard->members.size(), find_member(shard->members, named));
}

}  // namespace

ShardCaller::ShardCaller(Env* env, rpc::ChannelPool* channels, RouteCache* routes,
                         const GatewayConfig* config)
    : env_(env),
      channels_(channels),
      routes_(routes),
      config_(config),
      random_(env->random("gateway.shards")) {}

Task<Result<wire::WriteReply>> ShardCaller::write(RequestContext context, RouteHandle route,
                                                  size_t shard, wire::WriteRequest request) {
  const bool repeatable = request.request_id != 0 || env_->planted("resend_unknown_write");
  const Operation operation{&wire::kWorkerWriteMethod,
                            repeatable ? Access::repeatable_write : Access::write};
  return call<wire::WriteReply>(std::move(context), std::move(route), shard, operation,
                                std::move(request));
}

Task<Result<wire::ReadReply>> ShardCaller::read(RequestContext context, RouteHandle route,
                                                size_t shard, wire::ReadRequest request) {
  const Operation operation = reading(&wire::kWorkerReadMethod, request.read_level);
  return call<wire::ReadReply>(std::move(context), std::move(route), shard, operation,
                               std::move(request));
}

Task<Result<wire::ShardSearchReply>> ShardCaller::search(RequestContext context, RouteHandle route,
                                                         size_t shard,
                                                         wire::ShardSearchRequest request) {
  const Operation operation = reading(&wire::kWorkerSearchMethod, request.read_level);
  return call<wire::ShardSearchReply>(std::move(context), std::move(route), shard, operation,
                                      std::move(request));
}

template <typename Reply, typename Request>
Task<Result<Reply>> ShardCaller::call(RequestContext context, RouteHandle route, size_t shard,
                                      Operation operation, Request made) {
  const auto request = std::make_shared<Request>(std::move(made));
  Aim aim{std::move(route), shard};
  ShardInquiry inquiry(inquiry_limits(*config_), &random_, operation, aim.shard(), now(),
                       context.deadline);
  while (true) {
    const size_t member = inquiry.member();
    std::shared_ptr<rpc::Channel> channel = channels_->channel(aim.shard().members[member]);
    RequestContext attempt = context;
    attempt.deadline = inquiry.attempt_deadline(now());
    Result<Reply> reply = co_await rpc::call_promptly<Reply, Request>(
        std::move(channel), operation.method, std::move(attempt), config_->connect_timeout,
        request);
    if (reply.has_value()) {
      if (!operation.any_replica) aim.shard().leader.answered(member);
      co_return reply;
    }
    const Status failure = std::move(reply).error();
    const std::optional<Instant> same = inquiry.same_again(failure, now());
    if (same) {
      co_await env_->clock().sleep_until(*same);
      continue;
    }
    if (!operation.any_replica) pass_on(failure, member, &aim.shard());
    const Result<bool> stale = inquiry.judge(failure, aim.shard());
    VECTRON_CO_CHECK_OK(stale);
    if (*stale) {
      const auto aimed = co_await aim_anew(context, &inquiry, &aim);
      VECTRON_CO_CHECK_OK(aimed);
      request->epoch = aim.route->epoch.value();
    }
    const Instant judged = now();
    const Result<Instant> next = inquiry.next(judged);
    VECTRON_CO_CHECK_OK(next);
    if (*next > judged) co_await env_->clock().sleep_until(*next);
  }
}

Task<Result<void>> ShardCaller::aim_anew(RequestContext context, ShardInquiry* inquiry, Aim* aim) {
  // Not waited for as long as the request has: perhaps what the route says will do.
  context.deadline =
      rpc::attempt_deadline(Access::read, now(), context.deadline, config_->read_attempt_timeout);
  Result<RouteHandle> fresh = co_await routes_->refresh(std::move(context), aim->route);
  inquiry->refreshed(fresh.has_value());
  if (!fresh.has_value()) {
    const bool gone = fresh.error().code() == Code::not_found;
    co_return gone ? Result<void>(fail(inquiry->told(fresh.error()))) : Result<void>();
  }
  const ShardId id = aim->shard().id;
  const std::optional<size_t> found = (*fresh)->find_shard(id);
  if (!found) {
    // Most likely the collection was removed and made again.
    const Status replaced(Code::unavailable, fmt::format("shard {} was replaced: ask again", id));
    co_return fail(inquiry->told(replaced));
  }
  *aim = {*std::move(fresh), *found};
  inquiry->restart(aim->shard());
  co_return Result<void>();
}

}  // namespace vectron::gateway
