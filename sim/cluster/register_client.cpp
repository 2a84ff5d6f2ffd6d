#include "sim/cluster/register_client.h"

#include "core/rpc/calls/inquiry.h"
#include "sim/cluster/node_configs.h"
#include "sim/cluster/register_service.h"

namespace vectron::sim {

namespace {
constexpr rpc::AttemptLimits kAttempts{
    .attempts_max = 1'000, .backoff_min = 30ms, .backoff_max = 30ms};
constexpr Duration kReadAttempt = 700ms;
constexpr Duration kConnectTimeout = 300ms;

// A node that certainly did not do it may do it later, for its disk is full for a while: the
// operation waits for that, unless the request itself is wrong.
bool worth_another_node(Code code, rpc::Access access) {
  if (rpc::worth_asking_on(code, access)) return true;
  return certainly_not_done(code) && code != Code::invalid_argument;
}
}  // namespace

RegisterClient::RegisterClient(Env* env, const Plan& plan)
    : env_(*env),
      deadline_(std::chrono::milliseconds(plan.knobs.client_deadline_ms)),
      channels_(*env, {}),
      random_(env->random("register_client")) {
  for (uint32_t i = 0; i < plan.shape.workers; ++i) {
    nodes_.push_back({node_id(ServiceId::worker, i), node_address(ServiceId::worker, i)});
  }
}

Task<Result<Bytes>> RegisterClient::call(const rpc::MethodInfo* method, Bytes body) {
  Clock& clock = env_.clock();
  const Instant begun = clock.monotonic();
  const rpc::Access access = method->read_only ? rpc::Access::read : rpc::Access::write;
  rpc::Inquiry inquiry(
      {.attempts = kAttempts, .attempt_timeout = kReadAttempt, .refused_patience = deadline_},
      &random_,
      {.access = access,
       .targets = nodes_.size(),
       .first = leader_.node(),
       .now = begun,
       .deadline = begun + deadline_});
  while (true) {
    const size_t node = inquiry.target();
    RequestContext context;
    context.deadline = inquiry.attempt_deadline(clock.monotonic());
    const std::shared_ptr<rpc::Channel> channel = channels_.channel(nodes_[node]);
    auto answer =
        co_await channel->call_promptly(std::move(context), kConnectTimeout, method, body);
    if (answer.has_value()) {
      leader_.answered(node);
      co_return answer;
    }
    const Status failure = std::move(answer).error();
    if (rpc::shows_no_leader(failure.code())) leader_.pass_on(node, nodes_.size(), std::nullopt);
    if (!worth_another_node(failure.code(), access)) co_return fail(inquiry.told(failure));
    inquiry.advance(failure, std::nullopt);
    const Instant now = clock.monotonic();
    const std::optional<Instant> next = inquiry.next(now);
    if (!next) co_return fail(inquiry.told(failure));
    if (*next > now) co_await clock.sleep_until(*next);
  }
}

Task<UpsertAnswer> RegisterClient::upsert(uint32_t, std::vector<UpsertItem> items, uint64_t) {
  UpsertAnswer answer;
  for (const UpsertItem& item : items) {
    const auto reply =
        co_await call(&rpc_method::kRegisterWrite,
                      encode(RegisterWrite{.key = item.id.number(), .value = item.value}));
    UpsertAnswer::Item& out = answer.items.emplace_back();
    out.status = status_of(reply);
    if (reply.has_value()) {
      const auto decoded = decode_register_answer(*reply);
      VECTRON_ASSERT(decoded.has_value());
      out.version = decoded->version;
      answer.tokens.push_back({kRegisterGroup.value(), decoded->applied_index});
    }
    out.outcome = write_outcome(out.status);
  }
  co_return answer;
}

Task<GetAnswer> RegisterClient::get(uint32_t, PointId id, bool) {
  const auto reply =
      co_await call(&rpc_method::kRegisterRead, encode(RegisterWrite{.key = id.number()}));
  GetAnswer answer;
  answer.status = status_of(reply);
  if (!reply.has_value()) co_return answer;
  const auto decoded = decode_register_answer(*reply);
  VECTRON_ASSERT(decoded.has_value());
  answer.outcome = Outcome::ok;
  answer.value = decoded->value;
  answer.version = decoded->version;
  answer.tokens = {{kRegisterGroup.value(), decoded->applied_index}};
  co_return answer;
}

Task<RemoveAnswer> RegisterClient::remove(uint32_t, PointId, uint64_t) {
  RemoveAnswer answer;
  answer.outcome = Outcome::failed;
  answer.status = Status(Code::unimplemented, "registers are not removed");
  co_return answer;
}

Task<SearchAnswer> RegisterClient::search(uint32_t, SearchRecord, bool) {
  SearchAnswer answer;
  answer.status = Status(Code::unimplemented, "registers are not searched");
  co_return answer;
}

}  // namespace vectron::sim
