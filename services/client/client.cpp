#include "services/client/client.h"

#include "core/base/assert.h"
#include "core/base/need.h"
#include "core/env/refused.h"
#include "core/rpc/channel_pool.h"
#include "schemas/vectron_rpc.h"

namespace vectron {
namespace {

rpc::ClientConfig channel_config(const ClientConfig& config) {
  rpc::ClientConfig out;
  out.frame_bytes_max = config.frame_bytes_max;
  return out;
}

// What repeating a call does when an earlier attempt may have done it.
enum class Repeat : uint8_t {
  unsafe,      // It may happen twice.
  recognised,  // Nothing; but in the end the outcome may be unknown.
  harmless,    // Nothing: it is a read.
};

// Whether another gateway may do what this one could not. Writes that are not recognised when they
// come again only after a code that says "not done, and not because of you".
bool worth_another_gateway(Code code, Repeat repeat) {
  switch (code) {
    case Code::unavailable:
    case Code::aborted:
      return true;
    case Code::deadline_exceeded:
    case Code::unknown_outcome:
    case Code::cancelled:
      return repeat != Repeat::unsafe;
    default:
      return false;
  }
}

template <typename Reply>
void note_earlier_attempt(Reply*) {}

// An earlier attempt may have written points that this one could not: they are in doubt. Only what
// is wrong with a point itself is known of every attempt.
void note_earlier_attempt(api::UpsertReply* reply) {
  for (api::PointResult& result : reply->results) {
    const Code code = static_cast<Code>(result.code);
    const bool wrong_in_itself =
        code == Code::invalid_argument && result.field.starts_with("points[");
    if (code == Code::ok || wrong_in_itself) continue;
    result.code = static_cast<uint8_t>(Code::unknown_outcome);
    result.message = "it may have been done: " + result.message;
  }
}

}  // namespace

Result<void> ClientConfig::validate() const {
  VECTRON_CHECK_OK(need(!gateways.empty(), "gateways", "at least one gateway is needed"));
  VECTRON_CHECK_OK(need_positive(request_timeout, "request_timeout"));
  VECTRON_CHECK_OK(need_positive(read_attempt_timeout, "read_attempt_timeout"));
  VECTRON_CHECK_OK(need_positive(connect_timeout, "connect_timeout"));
  VECTRON_CHECK_OK(need_positive(backoff_min, "backoff_min"));
  VECTRON_CHECK_OK(need(backoff_max >= backoff_min, "backoff_max", "must be at least backoff_min"));
  VECTRON_CHECK_OK(need_positive(attempts_max, "attempts_max"));
  return channel_config(*this).validate();
}

struct Client::Parts {
  Parts(Env& the_env, ClientConfig the_config)
      : env(the_env),
        config(std::move(the_config)),
        channels(env, channel_config(config), config.gateways.size()),
        random(env.random("client")),
        next_gateway(random.below(config.gateways.size())) {}

  Instant attempt_deadline(Instant deadline, Repeat repeat) const {
    if (repeat == Repeat::unsafe || config.gateways.size() < 2) return deadline;
    return std::min(deadline, env.clock().monotonic() + config.read_attempt_timeout);
  }

  template <typename Reply, typename Request>
  Task<Result<Reply>> call(const rpc::MethodInfo* method, Repeat repeat, Request request);

  Env& env;
  ClientConfig config;
  rpc::ChannelPool channels;
  RandomStream random;
  size_t next_gateway;  // Calls take turns.
};

template <typename Reply, typename Request>
Task<Result<Reply>> Client::Parts::call(const rpc::MethodInfo* method, Repeat repeat,
                                        Request made) {
  const auto request = std::make_shared<const Request>(std::move(made));
  const Instant deadline = env.clock().monotonic() + config.request_timeout;
  size_t gateway = next_gateway++ % config.gateways.size();
  Duration backoff = config.backoff_min;
  bool in_doubt = false;
  size_t refused_in_a_row = 0;  // Gateways where nobody listens.
  const auto judged = [&in_doubt](const Status& failure) {
    if (!in_doubt) return failure;
    return Status(Code::unknown_outcome, "it may have been done: " + failure.message());
  };
  for (uint32_t attempt = 1;; ++attempt) {
    std::shared_ptr<rpc::Channel> channel = channels.channel(config.gateways[gateway]);
    RequestContext context;
    context.deadline = attempt_deadline(deadline, repeat);
    Cpu* const cpu = &channel->cpu();
    Bytes body;
    if (encodes_here(cpu, *request)) {
      body = encode(*request);
    } else {
      body = co_await encode_on_pool<Request>(cpu, request);
    }
    auto answer = co_await channel->ask_promptly(std::move(context), config.connect_timeout, method,
                                                 std::move(body));
    if (answer.has_value()) {
      Result<Reply> reply;
      if (decodes_here(cpu, answer->bytes())) {
        reply = decode<Reply>(answer->bytes());
      } else {
        reply = co_await decode_on_pool<Reply>(cpu, *std::move(answer));
      }
      if (reply.has_value() && in_doubt) note_earlier_attempt(&*reply);
      if (reply.has_value() || repeat == Repeat::harmless) co_return reply;
      co_return fail(Code::unknown_outcome,
                     "the answer cannot be read: " + reply.error().message());
    }
    const Status failure = std::move(answer).error();
    if (!worth_another_gateway(failure.code(), repeat)) co_return fail(judged(failure));
    in_doubt = in_doubt || (repeat == Repeat::recognised && !certainly_not_done(failure.code()));
    // Said at once: a program that waits must not look as one that hangs.
    refused_in_a_row = failure.field() == kRefusedField ? refused_in_a_row + 1 : 0;
    if (refused_in_a_row >= config.gateways.size()) co_return fail(judged(failure));
    gateway = (gateway + 1) % config.gateways.size();
    Duration pause(0);
    if (attempt % config.gateways.size() == 0) {
      pause = backoff - Duration(static_cast<int64_t>(
                            random.below(static_cast<uint64_t>(backoff.count() / 2) + 1)));
      backoff = std::min(backoff * 2, config.backoff_max);
    }
    const Instant next = env.clock().monotonic() + pause;
    if (attempt >= config.attempts_max || next >= deadline) co_return fail(judged(failure));
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
                                                  Repeat::unsafe, std::move(request));
}

Task<Result<api::ListWorkersReply>> Client::list_workers() {
  return parts_->call<api::ListWorkersReply>(&api::kVectronListWorkersMethod, Repeat::harmless,
                                             api::ListWorkersRequest());
}

Task<Result<api::ListCollectionsReply>> Client::list_collections() {
  return parts_->call<api::ListCollectionsReply>(&api::kVectronListCollectionsMethod,
                                                 Repeat::harmless, api::ListCollectionsRequest());
}

Task<Result<api::GetCollectionStatusReply>> Client::collection_status(std::string name) {
  api::GetCollectionStatusRequest request;
  request.name = std::move(name);
  return parts_->call<api::GetCollectionStatusReply>(&api::kVectronGetCollectionStatusMethod,
                                                     Repeat::harmless, std::move(request));
}

Task<Result<api::DeleteCollectionReply>> Client::delete_collection(
    api::DeleteCollectionRequest request) {
  if (request.collection_id == 0) {
    const auto status = co_await collection_status(request.name);
    VECTRON_CO_CHECK_OK(status);
    request.collection_id = status->collection.id;
  }
  auto reply = co_await parts_->call<api::DeleteCollectionReply>(
      &api::kVectronDeleteCollectionMethod, Repeat::recognised, std::move(request));
  co_return reply;
}

Task<Result<api::UpsertReply>> Client::upsert(api::UpsertRequest request) {
  const Repeat repeat = request.request_id != 0 ? Repeat::recognised : Repeat::unsafe;
  return parts_->call<api::UpsertReply>(&api::kVectronUpsertMethod, repeat, std::move(request));
}

Task<Result<api::GetReply>> Client::get(api::GetRequest request) {
  return parts_->call<api::GetReply>(&api::kVectronGetMethod, Repeat::harmless, std::move(request));
}

Task<Result<api::DeleteReply>> Client::remove(api::DeleteRequest request) {
  const Repeat repeat = request.request_id != 0 ? Repeat::recognised : Repeat::unsafe;
  return parts_->call<api::DeleteReply>(&api::kVectronDeleteMethod, repeat, std::move(request));
}

Task<Result<api::SearchReply>> Client::search(api::SearchRequest request) {
  return parts_->call<api::SearchReply>(&api::kVectronSearchMethod, Repeat::harmless,
                                        std::move(request));
}

}  // namespace vectron
