#include "services/client/client.h"

#include "core/base/assert.h"
#include "core/base/need.h"
#include "core/rpc/calls/inquiry.h"
#include "core/rpc/channel_pool.h"
#include "schemas/typed_rpc.h"
#include "schemas/vectron_rpc.h"

namespace vectron {
namespace {

using rpc::Access;

rpc::ClientConfig channel_config(const ClientConfig& config) {
  rpc::ClientConfig out;
  out.frame_bytes_max = config.frame_bytes_max;
  return out;
}

rpc::InquiryLimits inquiry_limits(const ClientConfig& config) {
  const bool alone = config.gateways.size() < 2;  // Then there is nobody else to ask in time.
  return {.attempts = {config.attempts_max, config.backoff_min, config.backoff_max},
          .attempt_timeout = alone ? config.request_timeout : config.read_attempt_timeout,
          // Said at once: a program that waits must not look as one that hangs.
          .refused_patience = Duration(0)};
}

Access write_access(uint64_t request_id) {
  return request_id != 0 ? Access::repeatable_write : Access::write;
}

// Whether another gateway may do what this one could not.
bool worth_another_gateway(Code code, Access access) {
  // A gateway that says so of a write has used the whole time for it, and it certainly was not
  // done. Nobody could say that of an attempt in the moment that is left.
  if (code == Code::deadline_exceeded && access == Access::write) return false;
  // A code that this library does not know says nothing of the moment: asking on may never help.
  if (code == Code::unknown) return false;
  return rpc::worth_asking_on(code, access);
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
        limits(inquiry_limits(config)),
        channels(env, channel_config(config), config.gateways.size()),
        random(env.random("client")),
        next_gateway(random.below(config.gateways.size())) {}

  template <typename Reply, typename Request>
  Task<Result<Reply>> call(const rpc::MethodInfo* method, Access access, Request request);

  Env& env;
  ClientConfig config;
  rpc::InquiryLimits limits;
  rpc::ChannelPool channels;
  RandomStream random;
  size_t next_gateway;  // Calls take turns.
};

template <typename Reply, typename Request>
Task<Result<Reply>> Client::Parts::call(const rpc::MethodInfo* method, Access access,
                                        Request made) {
  const auto request = std::make_shared<const Request>(std::move(made));
  const Instant begun = env.clock().monotonic();
  rpc::Inquiry inquiry(limits, &random,
                       {.access = access,
                        .targets = config.gateways.size(),
                        .first = next_gateway++ % config.gateways.size(),
                        .now = begun,
                        .deadline = begun + config.request_timeout});
  while (true) {
    std::shared_ptr<rpc::Channel> channel = channels.channel(config.gateways[inquiry.target()]);
    RequestContext context;
    context.deadline = inquiry.attempt_deadline(env.clock().monotonic());
    Result<Reply> reply = co_await rpc::call_promptly<Reply, Request>(
        std::move(channel), method, std::move(context), config.connect_timeout, request);
    if (reply.has_value()) {
      if (inquiry.in_doubt()) note_earlier_attempt(&*reply);
      co_return reply;
    }
    const Status failure = std::move(reply).error();
    if (!worth_another_gateway(failure.code(), access)) co_return fail(inquiry.told(failure));
    inquiry.advance(failure, std::nullopt);
    const Instant now = env.clock().monotonic();
    const std::optional<Instant> next = inquiry.next(now);
    if (!next) co_return fail(inquiry.told(failure));
    if (*next > now) co_await env.clock().sleep_until(*next);
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
                                                  Access::write, std::move(request));
}

Task<Result<api::ListWorkersReply>> Client::list_workers() {
  return parts_->call<api::ListWorkersReply>(&api::kVectronListWorkersMethod, Access::read,
                                             api::ListWorkersRequest());
}

Task<Result<api::ListCollectionsReply>> Client::list_collections() {
  return parts_->call<api::ListCollectionsReply>(&api::kVectronListCollectionsMethod, Access::read,
                                                 api::ListCollectionsRequest());
}

Task<Result<api::GetCollectionStatusReply>> Client::collection_status(std::string name) {
  api::GetCollectionStatusRequest request;
  request.name = std::move(name);
  return parts_->call<api::GetCollectionStatusReply>(&api::kVectronGetCollectionStatusMethod,
                                                     Access::read, std::move(request));
}

Task<Result<api::DeleteCollectionReply>> Client::delete_collection(
    api::DeleteCollectionRequest request) {
  if (request.collection_id == 0) {
    const auto status = co_await collection_status(request.name);
    VECTRON_CO_CHECK_OK(status);
    request.collection_id = status->collection.id;
  }
  auto reply = co_await parts_->call<api::DeleteCollectionReply>(
      &api::kVectronDeleteCollectionMethod, Access::repeatable_write, std::move(request));
  co_return reply;
}

Task<Result<api::UpsertReply>> Client::upsert(api::UpsertRequest request) {
  const Access access = write_access(request.request_id);
  return parts_->call<api::UpsertReply>(&api::kVectronUpsertMethod, access, std::move(request));
}

Task<Result<api::GetReply>> Client::get(api::GetRequest request) {
  return parts_->call<api::GetReply>(&api::kVectronGetMethod, Access::read, std::move(request));
}

Task<Result<api::DeleteReply>> Client::remove(api::DeleteRequest request) {
  const Access access = write_access(request.request_id);
  return parts_->call<api::DeleteReply>(&api::kVectronDeleteMethod, access, std::move(request));
}

Task<Result<api::SearchReply>> Client::search(api::SearchRequest request) {
  return parts_->call<api::SearchReply>(&api::kVectronSearchMethod, Access::read,
                                        std::move(request));
}

}  // namespace vectron
