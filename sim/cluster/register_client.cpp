#include "sim/cluster/register_client.h"

#include "sim/cluster/node_configs.h"
#include "sim/cluster/register_service.h"

namespace vectron::sim {

namespace {
constexpr Duration kPauseBetweenRounds = 30ms;
constexpr Duration kReadAttempt = 700ms;
constexpr Duration kConnectTimeout = 300ms;
}  // namespace

RegisterClient::RegisterClient(Env* env, const Plan& plan)
    : env_(*env),
      deadline_(std::chrono::milliseconds(plan.knobs.client_deadline_ms)),
      channels_(*env, {}) {
  for (uint32_t i = 0; i < plan.shape.workers; ++i) {
    nodes_.push_back({node_id(ServiceId::worker, i), node_address(ServiceId::worker, i)});
  }
}

Task<Result<Bytes>> RegisterClient::call(const rpc::MethodInfo* method, Bytes body) {
  const Instant deadline = env_.clock().monotonic() + deadline_;
  size_t node = favourite_;
  for (size_t attempt = 1;; ++attempt) {
    RequestContext context;
    context.deadline = deadline;
    if (method->read_only) {
      context.deadline = std::min(deadline, env_.clock().monotonic() + kReadAttempt);
    }
    const std::shared_ptr<rpc::Channel> channel = channels_.channel(nodes_[node]);
    auto answer =
        co_await channel->call_promptly(std::move(context), kConnectTimeout, method, body);
    if (answer.has_value()) {
      favourite_ = node;
      co_return answer;
    }
    const Code code = answer.error().code();
    const bool again = certainly_not_done(code) && code != Code::invalid_argument;
    if (!again || env_.clock().monotonic() + kPauseBetweenRounds >= deadline) co_return answer;
    node = (node + 1) % nodes_.size();
    if (attempt % nodes_.size() == 0) co_await env_.clock().sleep_for(kPauseBetweenRounds);
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
