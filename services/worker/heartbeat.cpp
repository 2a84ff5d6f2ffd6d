#include "services/worker/heartbeat.h"

#include <utility>

#include "core/async/combine.h"
#include "schemas/leader_hint.h"

namespace vectron {
namespace {

constexpr std::string_view kComponent = "heartbeat";
constexpr Duration kAttemptTimeout = 2s;
/// Between two looks at what changed: the longer the more there is to look at, so that looking
/// takes about a hundredth of the event loop at most.
constexpr Duration kLookPauseMin = 10ms;
constexpr Duration kLookPausePerReplica = 100us;
constexpr Duration kComplainInterval = 10s;
constexpr Duration kQuietAtFirst = 2s;

Task<bool> changed(Condition* condition) {
  co_await condition->wait();
  co_return true;
}

}  // namespace

bool is_refused_for_ever(const Status& answer) {
  const std::string& field = answer.field();
  return answer.code() == Code::failed_precondition &&
         (field == "lineage" || field == "folder_id" || field == "incarnation");
}

Heartbeat::Heartbeat(Env* env, const WorkerConfig* config, Worker* worker,
                     rpc::ChannelPool* channels, Registration self)
    : env_(env),
      config_(config),
      worker_(worker),
      channels_(channels),
      self_(std::move(self)),
      refusals_(config->placement.size()) {}

RequestContext Heartbeat::context() const {
  RequestContext context;
  context.deadline = env_->clock().monotonic() + kAttemptTimeout;
  return context;
}

wire::PlacementClient Heartbeat::leader() {
  return wire::PlacementClient(channels_->channel(config_->placement[leader_.node()]));
}

// Asks another placement node next, whatever this one said: it may be of another cluster.
void Heartbeat::ask_another(const Status& failure) {
  const std::vector<rpc::NodeAddress>& nodes = config_->placement;
  leader_.pass_on(leader_.node(), nodes.size(), wire::named_leader(nodes, failure));
}

// What no patience changes; none for all else. A worker that has served and has copies goes on:
// they may be the only ones, and whoever knows the way to them still gets answers. One without any
// would say for ever that it is ready, and nobody would ever use it.
std::optional<Status> Heartbeat::why_never(const Status& failure) const {
  if (said_ready_ && worker_->replicas() > 0) return std::nullopt;
  if (is_refused_for_ever(failure)) {
    return failure.with_context("the placement driver refuses this worker for good");
  }
  if (said_ready_ || !refusals_.by_all()) return std::nullopt;
  return Status(Code::failed_precondition,
                fmt::format("no placement node belongs to cluster {}, as this worker does: check "
                            "the options cluster and placement ({})",
                            config_->cluster, failure.message()),
                std::string(rpc::kClusterField));
}

// Whoever waits for this worker reads what for. The first moments of a start, and of an election,
// are no reason to complain. But what an operator must see to is told at once, and once: another
// cluster's state, a lost disk, a folder that was replaced, a number that is used twice.
void Heartbeat::tell(const Status& failure, Instant asked) {
  if (failure.code() == Code::failed_precondition && failure.message() != told_refusal_) {
    env_->log().error(kComponent, "this worker is refused: {}", failure.to_string());
    told_refusal_ = failure.message();
    return;
  }
  const Instant now = env_->clock().monotonic();
  // Somebody who takes the question and is silent fails late.
  if (!failing_since_.has_value()) failing_since_ = asked;
  if (now < *failing_since_ + kQuietAtFirst) return;
  complain(said_ready_ ? "the placement driver does not take the reports of this worker"
                       : "this worker is not ready, the placement driver must take it",
           failure);
}

// What this worker could not do of its orders. The next ones try again; but somebody should know
// why a collection does not get ready. What is new is told once.
void Heartbeat::tell_orders(const Status& outcome) {
  if (outcome.ok()) {
    told_orders_.clear();
  } else if (std::exchange(told_orders_, outcome.message()) != outcome.message()) {
    env_->log().warning(kComponent, "this worker cannot hold all that it should: {}",
                        outcome.to_string());
  }
  if (said_ready_ || worker_->serves()) return;
  complain("this worker is not ready, none of its copies runs",
           outcome.ok() ? Status(Code::unavailable, "they are being started") : outcome);
}

void Heartbeat::complain(std::string_view what, const Status& failure) {
  const Instant now = env_->clock().monotonic();
  if (now < complain_next_) return;
  complain_next_ = now + kComplainInterval;
  env_->log().warning(kComponent, "{}: {}", what, failure.to_string());
}

void Heartbeat::say_ready() {
  if (std::exchange(said_ready_, true)) return;
  env_->log().info(kComponent, "the placement driver has registered this worker");
  if (config_->on_ready) config_->on_ready();
}

Task<Status> Heartbeat::run() {
  while (true) {
    const Instant asked = env_->clock().monotonic();
    const auto done = co_await beat();
    refusals_.note(leader_.node(), status_of(done));
    if (!done.has_value()) {
      std::optional<Status> never = why_never(done.error());
      if (never.has_value()) co_return *std::move(never);
      tell(done.error(), asked);
      if (done.error().code() == Code::not_found) registered_ = false;
      ask_another(done.error());
      co_await env_->clock().sleep_for(config_->change_interval);
      continue;
    }
    failing_since_.reset();
    if (worker_->serves() && !worker_->has_put_off()) say_ready();
    co_await wait_for_change();
  }
}

// Until the next report is due.
Task<void> Heartbeat::wait_for_change() {
  if (worker_->has_put_off()) co_return;
  Clock& clock = env_->clock();
  const Instant reported = clock.monotonic();
  const Instant next = reported + config_->heartbeat_interval;
  while (clock.monotonic() < next) {
    const Instant looked = clock.monotonic();
    const Worker::Signature now = worker_->signature();
    if (now.state != reported_.state || (!said_ready_ && worker_->serves())) co_return;
    const bool counts_may = looked >= reported + config_->change_interval &&
                            !env_->planted("counts_wait_for_heartbeat");
    if (counts_may && now.counts != reported_.counts) co_return;
    auto waiting = changed(&worker_->changed());
    const Instant until = clock.scheduler_time(std::min(next, looked + config_->change_interval));
    const auto told = co_await with_deadline(&env_->scheduler(), until, std::move(waiting));
    (void)told;
    const Duration for_all = static_cast<int64_t>(worker_->replicas()) * kLookPausePerReplica;
    const Duration pause = std::max(kLookPauseMin, for_all);
    const Instant look_next = looked + std::min(pause, config_->change_interval);
    if (clock.monotonic() < look_next) co_await clock.sleep_until(look_next);
  }
}

Task<bool> Heartbeat::say_draining() {
  draining_ = true;
  while (registered_) {
    const auto told = co_await report();
    if (told.has_value()) co_return true;
    if (told.error().code() == Code::not_found) co_return false;
    ask_another(told.error());
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
  request.replicas_max = config_->replicas_max;
  request.memory_full = worker_->memory().full();
  auto client = leader();
  auto reply = co_await client.heartbeat(context(), std::move(request));
  co_return reply;
}

void Heartbeat::learn_starts(const std::vector<wire::WorkerStart>& starts) {
  if (server_ == nullptr) return;
  std::map<NodeId, uint64_t> known;
  for (const wire::WorkerStart& start : starts) known[NodeId(start.node_id)] = start.incarnation;
  server_->know_starts(std::move(known));
}

Task<Result<void>> Heartbeat::beat() {
  if (!registered_) {
    const auto registered = co_await register_worker();
    VECTRON_CO_CHECK_OK(registered);
  }
  const Worker::Signature signature = worker_->signature();
  const auto reply = co_await report();
  VECTRON_CO_CHECK_OK(reply);
  reported_ = signature;
  learn_starts(reply->starts);
  WorkerOrders orders;
  orders.lineage = reply->lineage;
  orders.revision = reply->revision;
  orders.assignments = reply->assignments;
  orders.removed = reply->removed;
  orders.answer_heartbeat = true;
  const auto done = co_await worker_->carry_out(std::move(orders));
  // Orders of another state are the placement node's fault; all else is this worker's own, and
  // another placement node would change nothing.
  if (!done.has_value() && done.error().field() == "lineage") co_return done;
  tell_orders(status_of(done));
  co_return Result<void>();
}

}  // namespace vectron
