#include "services/gateway/shard_caller.h"

#include <fmt/format.h>

#include "core/env/refused.h"
#include "schemas/worker_rpc.h"

namespace vectron::gateway {
namespace {

Operation reading(const rpc::MethodInfo* method, wire::ReadLevel level) {
  return {method, Access::read, level == wire::ReadLevel::eventual};
}

Status told_to_client(const Status& failure, const Operation& operation, ShardId shard) {
  const Code code = public_code(failure.code(), operation.access);
  return Status(code, fmt::format("shard {}: {}", shard, failure.message()), failure.field());
}

Status damaged(const Status& last, ShardId shard, const DamagedCopies& copies) {
  return Status(Code::data_loss, fmt::format("shard {}: {} of its {} copies are damaged: {}", shard,
                                             copies.count(), copies.members(), last.message()));
}

Status nobody_could(const Status& last, ShardId shard) {
  return Status(Code::unavailable,
                fmt::format("shard {} could not do it {}: {}", shard,
                            last.field() == kRefusedField ? "now" : "in time", last.message()));
}

// What speaks for a route that is stale, weakest first.
enum class Evidence : uint8_t {
  none,
  /// A whole round in vain: perhaps the workers are elsewhere by now.
  guess,
  /// A refusal names a member at another address; whoever refused may be the one that is behind.
  address,
  /// The epoch is old, the shard is not there, or a stranger leads it.
  known,
};

Evidence evidence_of(const Status& failure, Verdict verdict,
                     const std::vector<Route::Member>& members) {
  if (verdict == Verdict::refresh) return Evidence::known;
  const wire::ErrorDetail detail = detail_of(failure);
  if (detail.leader_node == 0) return Evidence::none;
  const auto member = find_member(members, NodeId(detail.leader_node));
  if (!member) return Evidence::known;
  const bool moved =
      !detail.leader_address.empty() && members[*member].address.text != detail.leader_address;
  return moved ? Evidence::address : Evidence::none;
}

// Which refreshes a request has had: each kind of evidence has its own, so that a weak one does not
// use up that of a strong one.
class Refreshes {
 public:
  bool allows(Evidence evidence) const {
    switch (evidence) {
      case Evidence::none:
        return false;
      case Evidence::guess:
        return !guessed_;
      case Evidence::address:
        return !refreshed_ && !address_failed_;
      case Evidence::known:
        return !refreshed_;
    }
    return false;
  }
  // A refresh that failed says nothing about the route: what is known to be stale is asked for
  // again.
  void note(Evidence evidence, bool succeeded) {
    if (evidence == Evidence::guess) {
      guessed_ = true;
    } else if (succeeded) {
      refreshed_ = true;
    } else if (evidence == Evidence::address) {
      address_failed_ = true;
    }
  }

 private:
  bool guessed_ = false;
  bool address_failed_ = false;
  bool refreshed_ = false;
};

// A member that was asked first and did not answer as a leader is not asked first again: a machine
// that is gone for ever would use up the whole time of each request.
void pass_on(const Status& failure, size_t asked, Route::Shard* shard) {
  const bool silent = failure.code() == Code::unavailable ||
                      failure.code() == Code::deadline_exceeded ||
                      failure.code() == Code::unknown_outcome ||
                      failure.code() == Code::cancelled || is_damaged_copy(failure);
  if (!silent || shard->leader != asked) return;
  const auto named = find_member(shard->members, NodeId(detail_of(failure).leader_node));
  shard->leader = named.value_or((asked + 1) % shard->members.size());
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
  const Access access = request.request_id != 0 ? Access::repeatable_write : Access::write;
  const Operation operation{&wire::kWorkerWriteMethod, access};
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
  const ShardId id = route->shards[shard].id;
  const AttemptLimits limits{config_->attempts_max, config_->backoff_min, config_->backoff_max};
  Attempts attempts(limits, &random_, route->shards[shard].members.size(),
                    first_member(route->shards[shard], operation));
  Doubt doubt(operation.access);
  Refreshes refreshes;
  PatienceForRoom patience_for_room(config_->backoff_min);
  DamagedCopies damaged_copies(route->shards[shard].members.size());
  NobodyListens nobody_listens(route->shards[shard].members.size(),
                               env_->clock().monotonic() + kRefusedPatience);
  while (true) {
    const size_t member = attempts.target();
    std::shared_ptr<rpc::Channel> channel =
        channels_->channel(route->shards[shard].members[member]);
    RequestContext attempt =
        attempt_context(context, operation.access, env_->clock(), config_->read_attempt_timeout);
    Result<Reply> reply = co_await call_node<Reply, Request>(
        std::move(channel), operation, std::move(attempt), config_->connect_timeout, request);
    if (reply.has_value()) {
      if (!operation.any_replica) route->shards[shard].leader = member;
      co_return reply;
    }
    const Status failure = std::move(reply).error();
    const auto room_pause = patience_for_room.after(failure.code(), operation.access);
    const Instant retried = env_->clock().monotonic() + room_pause.value_or(Duration::zero());
    if (room_pause.has_value() && retried < context.deadline) {
      co_await env_->clock().sleep_until(retried);
      continue;
    }
    const bool damaged_copy = is_damaged_copy(failure);
    damaged_copies.note(member, damaged_copy);
    nobody_listens.note(failure);
    Verdict verdict =
        damaged_copy ? Verdict::ask_on : judge_shard_failure(failure.code(), operation.access);
    if (failure.code() == Code::unknown_outcome && env_->planted("resend_unknown_write")) {
      verdict = Verdict::ask_on;
    }
    if (!operation.any_replica) pass_on(failure, member, &route->shards[shard]);
    if (verdict == Verdict::give_up) {
      co_return fail(doubt.judge(told_to_client(failure, operation, id)));
    }
    if (!damaged_copy) doubt.note(failure.code());
    const bool hopeless = damaged_copies.hopeless(operation.any_replica);
    // Unless the shard has moved since to members that are whole.
    if (hopeless && !refreshes.allows(Evidence::known)) {
      co_return fail(doubt.judge(damaged(failure, id, damaged_copies)));
    }
    const Status in_the_end =
        doubt.judge(hopeless ? damaged(failure, id, damaged_copies) : nobody_could(failure, id));

    const std::vector<Route::Member>& members = route->shards[shard].members;
    const NodeId hint(detail_of(failure).leader_node);
    // One damaged copy says nothing of the route: the others are asked first.
    Evidence evidence = hopeless ? Evidence::known : evidence_of(failure, verdict, members);
    const bool again =
        attempts.advance(operation.any_replica ? std::nullopt : find_member(members, hint));
    if (!again) co_return fail(in_the_end);
    if (evidence == Evidence::none && attempts.pause() > Duration(0)) evidence = Evidence::guess;
    if (refreshes.allows(evidence)) {
      // Not waited for as long as the request has: perhaps what the route says will do.
      RequestContext asking =
          attempt_context(context, Access::read, env_->clock(), config_->read_attempt_timeout);
      Result<RouteHandle> fresh = co_await routes_->refresh(std::move(asking), route);
      refreshes.note(evidence, fresh.has_value());
      if (!fresh.has_value() && fresh.error().code() == Code::not_found) {
        co_return fail(doubt.judge(std::move(fresh).error()));
      }
      if (fresh.has_value()) {
        const std::optional<size_t> moved = (*fresh)->find_shard(id);
        if (!moved) {
          // Most likely the collection was removed and made again.
          const Status replaced(Code::unavailable,
                                fmt::format("shard {} was replaced: ask again", id));
          co_return fail(doubt.judge(replaced));
        }
        route = *std::move(fresh);
        shard = *moved;
        request->epoch = route->epoch.value();
        const Route::Shard& renewed = route->shards[shard];
        attempts.restart(renewed.members.size(), first_member(renewed, operation));
        damaged_copies = DamagedCopies(renewed.members.size());
        nobody_listens.restart(renewed.members.size());
      }
    }
    const Instant next = env_->clock().monotonic() + attempts.pause();
    if (nobody_listens.holds(next) || next >= context.deadline) co_return fail(in_the_end);
    if (attempts.pause() > Duration(0)) co_await env_->clock().sleep_until(next);
  }
}

size_t ShardCaller::first_member(const Route::Shard& shard, const Operation& operation) {
  return operation.any_replica ? random_.below(shard.members.size()) : shard.leader;
}

}  // namespace vectron::gateway
