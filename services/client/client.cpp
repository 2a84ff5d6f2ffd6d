#include "services/client/client.h"

#include "core/base/assert.h"
#include "core/rpc/channel_pool.h"
#include "schemas/vectron_rpc.h"

namespace vectron {
namespace {

Result<void> need(bool holds, const char* field, const char* message) {
  if (holds) return {};
  return fail(Code::invalid_argument, message, field);
}

rpc::ClientConfig channel_config(const ClientConfig& config) {
  rpc::ClientConfig out;
  out.frame_bytes_max = config.frame_bytes_max;
  return out;
}

// Whether another gateway may do what this one could not. Reads may always be asked again; writes
// only after a code that says "not done, and not because of you".
bool worth_another_gateway(Code code, bool read_only) {
  switch (code) {
    case Code::unavailable:
    case Code::aborted:
      return true;
    case Code::deadline_exceeded:
    case Code::unknown_outcome:
    case Code::cancelled:
      return read_only;
    default:
      return false;
  }
}

}  // namespace

Result<void> ClientConfig::validate() const {
  VECTRON_CHECK_OK(need(!gateways.empty(), "gateways", "at least one gateway is needed"));
  VECTRON_CHECK_OK(need(request_timeout > 0ns, "request_timeout", "must be longer than zero"));
  VECTRON_CHECK_OK(
      need(read_attempt_timeout > 0ns, "read_attempt_timeout", "must be longer than zero"));
  VECTRON_CHECK_OK(need(backoff_min > 0ns && backoff_max >= backoff_min, "backoff_max",
                        "must be at least backoff_min, above zero"));
  VECTRON_CHECK_OK(need(attempts_max > 0, "attempts_max", "must be at least 1"));
  return channel_config(*this).validate();
}

struct Client::Parts {
  Parts(Env& the_env, ClientConfig the_config)
      : env(the_env),
        config(std::move(the_config)),
        channels(env, channel_config(config), config.gateways.size()),
        random(env.random("client")),
        next_gateway(random.below(config.gateways.size())) {}

  Instant attempt_deadline(Instant deadline, bool read_only) const {
    if (!read_only || config.gateways.size() < 2) return deadline;
    return std::min(deadline, env.clock().monotonic() + config.read_attempt_timeout);
  }

  template <typename Reply, typename Request>
  Task<Result<Reply>> call(const rpc::MethodInfo* method, Request request);

  Env& env;
  ClientConfig config;
  rpc::ChannelPool channels;
  RandomStream random;
  size_t next_gateway;  // Calls take turns.
};

template <typename Reply, typename Request>
Task<Result<Reply>> Client::Parts::call(const rpc::MethodInfo* method, Request request) {
  const Instant deadline = env.clock().monotonic() + config.request_timeout;
  size_t gateway = next_gateway++ % config.gateways.size();
  Duration backoff = config.backoff_min;
  for (uint32_t attempt = 1;; ++attempt) {
    std::shared_ptr<rpc::Channel> channel = channels.channel(config.gateways[gateway]);
    RequestContext context;
    context.deadline = attempt_deadline(deadline, method->read_only);
    Bytes body = encode(request);
    auto answer = co_await channel->call(std::move(context), method, std::move(body));
    if (answer.has_value()) {
      Result<Reply> reply = decode<Reply>(*answer);
      if (reply.has_value() || method->read_only) co_return reply;
      co_return fail(Code::unknown_outcome,
                     "the answer cannot be read: " + reply.error().message());
    }
    const Status failure = std::move(answer).error();
    if (!worth_another_gateway(failure.code(), method->read_only)) co_return fail(failure);
    gateway = (gateway + 1) % config.gateways.size();
    Duration pause(0);
    if (attempt % config.gateways.size() == 0) {
      pause = backoff - Duration(static_cast<int64_t>(
                            random.below(static_cast<uint64_t>(backoff.count() / 2) + 1)));
      backoff = std::min(backoff * 2, config.backoff_max);
    }
    const Instant next = env.clock().monotonic() + pause;
    if (attempt >= config.attempts_max || next >= deadline) co_return fail(failure);
    if (pause > Duration(0)) co_await env.clock().sleep_until(next);
  }
}

Client::Client(Env& env, ClientConfig config) {
  const Result<void> checked = config.validate();
  VECTRON_ASSERT(checked.has_value(), "{}", checked.error().to_string());
  parts_ = std::make_unique<Parts>(env, std::move(config));
}

Client::~Client() = default;

Task<Result<api::CreateCollectionReply>> Client::create_collection(
    api::CreateCollectionRequest request) {
  return parts_->call<api::CreateCollectionReply>(&api::kVectronCreateCollectionMethod,
                                                  std::move(request));
}

Task<Result<api::ListCollectionsReply>> Client::list_collections() {
  return parts_->call<api::ListCollectionsReply>(&api::kVectronListCollectionsMethod,
                                                 api::ListCollectionsRequest());
}

Task<Result<api::GetCollectionStatusReply>> Client::collection_status(std::string name) {
  api::GetCollectionStatusRequest request;
  request.name = std::move(name);
  return parts_->call<api::GetCollectionStatusReply>(&api::kVectronGetCollectionStatusMethod,
                                                     std::move(request));
}

Task<Result<api::UpsertReply>> Client::upsert(api::UpsertRequest request) {
  return parts_->call<api::UpsertReply>(&api::kVectronUpsertMethod, std::move(request));
}

Task<Result<api::GetReply>> Client::get(api::GetRequest request) {
  return parts_->call<api::GetReply>(&api::kVectronGetMethod, std::move(request));
}

Task<Result<api::DeleteReply>> Client::remove(api::DeleteRequest request) {
  return parts_->call<api::DeleteReply>(&api::kVectronDeleteMethod, std::move(request));
}

Task<Result<api::SearchReply>> Client::search(api::SearchRequest request) {
  return parts_->call<api::SearchReply>(&api::kVectronSearchMethod, std::move(request));
}

}  // namespace vectron
