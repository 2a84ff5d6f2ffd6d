#include "services/worker/heartbeat.h"

#include "schemas/model_messages.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "heartbeat";
constexpr Duration kAttemptTimeout = 2s;

}  // namespace

Heartbeat::Heartbeat(Env* env, const WorkerConfig* config, Worker* worker,
                     rpc::ChannelPool* channels, Registration self)
    : env_(env), config_(config), worker_(worker), channels_(channels), self_(std::move(self)) {}

RequestContext Heartbeat::context() const {
  RequestContext context;
  context.deadline = env_->clock().monotonic() + kAttemptTimeout;
  return context;
}

wire::PlacementClient Heartbeat::leader() {
  return wire::PlacementClient(channels_->channel(config_->placement[target_]));
}

// Asks another placement node next: the leader that this one named, or the next in line.
void Heartbeat::follow(const Status& failure) {
  const auto detail = decode<wire::ErrorDetail>(failure.detail());
  if (!failure.detail().empty() && detail.has_value()) {
    for (size_t i = 0; i < config_->placement.size(); ++i) {
      if (config_->placement[i].text == detail->leader_address && i != target_) {
        target_ = i;
        return;
      }
    }
  }
  target_ = (target_ + 1) % config_->placement.size();
}

// What an operator must see to is told once: another cluster's state, a lost disk, a folder that
// was replaced, a number that is used twice. Whoever says so, the state of the placement driver or
// the door of its server, says failed_precondition. The rest passes by itself.
void Heartbeat::tell(const Status& failure) {
  if (failure.code() == Code::failed_precondition && failure.message() != told_refusal_) {
    env_->log().error(kComponent, "this worker is refused: {}", failure.to_string());
    told_refusal_ = failure.message();
  } else {
    env_->log().debug(kComponent, "the placement driver did not take a heartbeat: {}",
                      failure.to_string());
  }
}

Task<void> Heartbeat::run() {
  while (true) {
    const auto done = co_await beat();
    if (!done.has_value()) {
      tell(done.error());
      if (done.error().code() == Code::not_found) registered_ = false;
      follow(done.error());
      co_await env_->clock().sleep_for(config_->change_interval);
      continue;
    }
    const Instant next = env_->clock().monotonic() + config_->heartbeat_interval;
    while (env_->clock().monotonic() < next &&
           worker_->reports_signature() == reported_signature_) {
      co_await env_->clock().sleep_for(config_->change_interval);
    }
  }
}

Task<bool> Heartbeat::say_draining() {
  draining_ = true;
  while (registered_) {
    const auto told = co_await report();
    if (told.has_value()) co_return true;
    if (told.error().code() == Code::not_found) co_return false;
    follow(told.error());
    co_await env_->clock().sleep_for(config_->change_interval);
  }
  co_return false;
}

Task<Result<void>> Heartbeat::register_worker() {
  wire::RegisterWorkerRequest request;
  request.node_id = config_->node.value();
  request.address = self_.address.text;
  request.zone = config_->zone;
  request.rack = config_->rack;
  request.host = config_->host;
  request.capacity_bytes = config_->capacity_bytes;
  request.incarnation = self_.incarnation;
  request.folder_id = self_.folder_id;
  request.lineage = worker_->lineage();
  auto client = leader();
  const auto reply = co_await client.register_worker(context(), std::move(request));
  VECTRON_CO_CHECK_OK(reply);
  registered_ = true;
  co_return Result<void>();
}

Task<Result<wire::HeartbeatReply>> Heartbeat::report() {
  wire::HeartbeatRequest request;
  request.node_id = config_->node.value();
  request.incarnation = self_.incarnation;
  request.folder_id = self_.folder_id;
  request.stored_bytes = worker_->stored_bytes();
  request.replicas = worker_->reports();
  request.revision = worker_->revision();
  request.lineage = worker_->lineage();
  request.draining = draining_;
  request.memory_full = worker_->memory().full();
  auto client = leader();
  auto reply = co_await client.heartbeat(context(), std::move(request));
  co_return reply;
}

Task<Result<void>> Heartbeat::beat() {
  if (!registered_) {
    const auto registered = co_await register_worker();
    VECTRON_CO_CHECK_OK(registered);
  }
  const uint64_t signature = worker_->reports_signature();
  const auto reply = co_await report();
  VECTRON_CO_CHECK_OK(reply);
  reported_signature_ = signature;
  WorkerOrders orders;
  orders.lineage = reply->lineage;
  orders.revision = reply->revision;
  orders.assignments = reply->assignments;
  orders.removed = reply->removed;
  orders.answer_heartbeat = true;
  const auto done = co_await worker_->carry_out(std::move(orders));
  if (!done.has_value() && done.error().code() == Code::resource_exhausted) {
    // A full disk is no fault of the placement node; the next heartbeat tries again.
    tell(done.error());
    co_return Result<void>();
  }
  co_return done;
}

}  // namespace vectron
