#include "services/gateway/gateway_service.h"

#include <algorithm>

#include "core/async/unless_set.h"
#include "core/base/body_memory.h"
#include "core/base/need.h"
#include "core/http/browser_policy.h"
#include "core/http/server.h"
#include "core/model/collection.h"
#include "core/rpc/channel_pool.h"
#include "core/rpc/server.h"
#include "services/gateway/http_api.h"
#include "services/gateway/placement_link.h"
#include "services/gateway/public_handler.h"
#include "services/gateway/route_cache.h"
#include "services/gateway/shard_caller.h"

namespace vectron {
namespace gateway {
namespace {

rpc::Identity identity_of(const GatewayConfig& config) {
  return {config.cluster, config.node, config.incarnation};
}

rpc::ClientConfig channel_config(const GatewayConfig& config) {
  rpc::ClientConfig out;
  out.identity = identity_of(config);
  out.frame_bytes_max = config.frame_bytes_max;
  return out;
}

// One host may hold half of what all clients may.
BodyMemory::Limits body_limits(const GatewayConfig& config) {
  return {config.body_bytes_in_flight_max, config.body_bytes_in_flight_max / 2};
}

rpc::ServerConfig server_config(const GatewayConfig& config, BodyMemory* bodies = nullptr) {
  rpc::ServerConfig out;
  const rpc::PeerBounds bounds{.connections_max = config.connections_max,
                               .requests_in_flight_max = config.requests_in_flight_max,
                               .frame_bytes_max = config.frame_bytes_max,
                               .body_bytes_in_flight_max = config.body_bytes_in_flight_max,
                               .silence_max = config.rpc_silence_max,
                               .watcher = config.watcher};
  out.bind(bounds);
  out.bodies = bodies;
  out.identity = identity_of(config);
  out.connection_requests_in_flight_max = config.requests_in_flight_per_connection_max;
  return out;
}

http::ServerConfig http_config(const GatewayConfig& config, BodyMemory* bodies = nullptr,
                               http::RefusalObserver* refusals = nullptr) {
  http::ServerConfig out;
  out.bodies = bodies;
  out.refusals = refusals;
  out.watcher = config.watcher;
  out.host_bytes_in_flight_max = body_limits(config).host_bytes_max;
  out.connections_max = config.connections_max;
  out.host_connections_max = std::max<size_t>(config.connections_max / 2, 1);
  out.requests_in_flight_max = config.requests_in_flight_max;
  out.host_requests_in_flight_max = std::max<size_t>(config.requests_in_flight_max / 2, 1);
  out.limits.head_bytes_max = config.http_head_bytes_max;
  out.limits.body_bytes_max = config.frame_bytes_max;
  out.pipelined_requests_max = config.http_pipelined_requests_max;
  out.idle_timeout = config.http_idle_timeout;
  out.head_timeout = config.http_head_timeout;
  out.body_timeout = config.http_body_timeout;
  out.write_timeout = config.http_write_timeout;
  out.body_bytes_in_flight_max = config.body_bytes_in_flight_max;
  return out;
}

HttpApiConfig http_api_config(const GatewayConfig& config, BodyMemory* bodies) {
  HttpApiConfig out;
  out.bodies = bodies;
  out.reply_bytes_max = config.frame_bytes_max;
  out.inline_body_bytes_max = config.http_inline_body_bytes_max;
  out.limits.points_max = config.batch_points_max;
  out.metrics_beside = config.metrics_beside;
  out.ready_after = config.ready_after;
  out.version = config.version;
  out.incarnation = config.incarnation;
  return out;
}

http::BrowserPolicy::Config browser_config(const GatewayConfig& config) {
  http::BrowserPolicy::Config out;
  if (config.http_listen.has_value()) out.listen.push_back(*config.http_listen);
  out.hosts = config.http_hosts;
  out.origins = config.http_origins;
  return out;
}

// An address at which nobody can listen is that of one of two options.
Status about_option(const Status& failure, std::string_view option) {
  return Status(failure.code(), failure.message(), std::string(option));
}

// Counts what comes in, and turns it away once the gateway is stopping.
class Door final : public rpc::Interceptor {
 public:
  explicit Door(Metrics* metrics) : metrics_(metrics) {}

  void shut() { shut_ = true; }

  Result<void> admit(const rpc::MethodInfo&, uint32_t, RequestContext&) override {
    if (shut_) return fail(Code::unavailable, "this gateway is stopping: ask another one");
    metrics_->add(Metric::gateway_requests);
    return {};
  }

 private:
  Metrics* metrics_;
  bool shut_ = false;
};

// All parts of a running gateway, in the order in which they may be destroyed last.
class Gateway {
 public:
  Gateway(Env* env, GatewayConfig config)
      : env_(env),
        config_(std::move(config)),
        channels_(*env, channel_config(config_), config_.worker_channels_max),
        placement_(env, &channels_, &config_),
        routes_(env, &placement_, &config_),
        shards_(env, &channels_, &routes_, &config_),
        handler_({env, &placement_, &routes_, &shards_, &config_}),
        door_(&env->metrics()),
        bodies_(body_limits(config_)),
        log_(&env->log(), env->random("request log"), config_.request_log),
        browsers_(browser_config(config_)),
        server_(*env, server_config(config_, &bodies_)),
        http_api_(env, {&handler_, &door_, &log_}, api_config()),
        http_server_(*env, http_api_.router(), http_config(config_, &bodies_, &http_api_)) {
    api::serve(server_, handler_);
    server_.set_interceptor(&door_);
    server_.set_observer(&log_);
    http_api_.set_gate([this](const http::Request& request, std::optional<http::RouteKind> kind) {
      return browsers_.judge(request, kind);
    });
  }

  Task<Result<void>> run() {
    const Result<void> started = server_.start(config_.listen);
    if (!started.has_value()) co_return fail(about_option(started.error(), "rpc"));
    env_->log().info("gateway", "listens on {}", server_.address().text);
    const Result<void> http_started = start_http();
    VECTRON_CO_CHECK_OK(http_started);
    if (config_.on_listening) config_.on_listening(server_.addresses());
    auto searching = find_placement();
    const auto found = co_await unless_set(&env_->scheduler(), config_.stop, std::move(searching));
    if (found.has_value() && !found->has_value()) co_return *found;
    if (found.has_value() && config_.on_ready) config_.on_ready();
    Event never(env_->scheduler());
    Event& stop = config_.stop != nullptr ? *config_.stop : never;
    co_await stop.wait();
    co_await drain();
    co_return Result<void>();
  }

 private:
  HttpApiConfig api_config() {
    HttpApiConfig out = http_api_config(config_, &bodies_);
    out.more_metrics = [this](std::string* text) { log_.metrics().append_text(text); };
    out.process_metrics = config_.process_metrics;
    return out;
  }

  Result<void> start_http() {
    if (!config_.http_listen.has_value()) return {};
    const Result<void> started = http_server_.start(*config_.http_listen);
    if (!started.has_value()) return fail(about_option(started.error(), "http"));
    env_->log().info("gateway", "listens for HTTP on {}", http_server_.address().text);
    server_.set_http_place(http_server_.address());
    if (config_.on_http_listening) config_.on_http_listening(http_server_.addresses());
    return {};
  }

  // Serves meanwhile: whoever asks is told what is missing.
  Task<Result<void>> find_placement() {
    constexpr Duration kAskTimeout = 1s;
    constexpr Duration kAskPause = 100ms;
    constexpr Duration kQuietAtStart = 2s;
    constexpr Duration kComplainInterval = 10s;
    Instant tell_next = env_->clock().monotonic() + kQuietAtStart;
    while (true) {
      RequestContext context;
      context.deadline = env_->clock().monotonic() + kAskTimeout;
      const auto listed = co_await placement_.list_workers(std::move(context));
      if (listed.has_value()) co_return Result<void>();
      if (placement_.is_of_another_cluster()) {
        co_return fail(Code::failed_precondition,
                       fmt::format("no placement node belongs to cluster {}, as this gateway does: "
                                   "check the options cluster and placement ({})",
                                   config_.cluster, listed.error().message()),
                       std::string(rpc::kClusterField));
      }
      if (env_->clock().monotonic() >= tell_next) {
        env_->log().warning("gateway", "not ready, the placement driver must be found: {}",
                            listed.error().to_string());
        tell_next = env_->clock().monotonic() + kComplainInterval;
      }
      co_await env_->clock().sleep_for(kAskPause);
    }
  }

  size_t requests_in_flight() const {
    return server_.requests_in_flight() + http_server_.requests_in_flight();
  }

  bool owes() const {
    return server_.requests_in_flight() > 0 || http_server_.connections_owing() > 0;
  }

  // New requests are refused from now on; those under way get their time, and the answers to those
  // that do not end in it what is left of the time of the stop: slow clients take it whole.
  Task<void> drain() {
    constexpr Duration kLinger = 20ms;
    constexpr Duration kAnswersTimeMax = 1s;
    door_.shut();
    http_server_.drain();
    const Instant end = env_->clock().monotonic() + config_.drain_timeout;
    co_await answered_by(end - std::min(kAnswersTimeMax, config_.drain_timeout / 4));
    if (owes()) {
      env_->log().warning("gateway", "stops with {} requests under way", requests_in_flight());
      server_.stop();
      http_server_.give_up();
      co_await answered_by(end);
    }
    co_await env_->clock().sleep_for(kLinger);
    server_.stop();
    http_server_.stop();
  }

  Task<void> answered_by(Instant deadline) {
    constexpr Duration kLook = 5ms;
    while (owes() && env_->clock().monotonic() < deadline) {
      co_await env_->clock().sleep_for(kLook);
    }
  }

  Env* env_;
  GatewayConfig config_;
  rpc::ChannelPool channels_;
  PlacementLink placement_;
  RouteCache routes_;
  ShardCaller shards_;
  PublicHandler handler_;
  Door door_;
  BodyMemory bodies_;
  RequestLog log_;
  http::BrowserPolicy browsers_;
  rpc::Server server_;
  HttpApi http_api_;
  http::Server http_server_;
};

}  // namespace
}  // namespace gateway

Result<void> GatewayConfig::validate() const {
  VECTRON_CHECK_OK(NodeConfig::validate());
  VECTRON_CHECK_OK(need(incarnation > 0, "incarnation", "starts are counted from 1"));
  VECTRON_CHECK_OK(need(!placement.empty(), "placement", "at least one placement node is needed"));
  VECTRON_CHECK_OK(need(request_timeout_max >= request_timeout, "request_timeout_max",
                        "must be at least request_timeout"));
  VECTRON_CHECK_OK(need_positive(read_attempt_timeout, "read_attempt_timeout"));
  VECTRON_CHECK_OK(need_positive(connect_timeout, "connect_timeout"));
  VECTRON_CHECK_OK(need_positive(backoff_min, "backoff_min"));
  VECTRON_CHECK_OK(need(backoff_max >= backoff_min, "backoff_max", "must be at least backoff_min"));
  VECTRON_CHECK_OK(need_positive(attempts_max, "attempts_max"));
  VECTRON_CHECK_OK(need_positive(route_bytes_max, "route_bytes_max"));
  VECTRON_CHECK_OK(need_positive(worker_channels_max, "worker_channels_max"));
  VECTRON_CHECK_OK(need_positive(batch_points_max, "batch_points_max"));
  VECTRON_CHECK_OK(
      need(write_bytes_max > 0 && write_bytes_max <= std::min(frame_bytes_max, kWritePieceBytesMax),
           "write_bytes_max",
           "must be above zero, at most 1 MiB (what a worker takes), and fit into "
           "frame_bytes_max"));
  VECTRON_CHECK_OK(need(write_points_max > 0 && write_points_max <= kWriteOperationsMax,
                        "write_points_max", "must be between 1 and 500 (what a worker takes)"));
  const Result<void> browsers = gateway::browser_config(*this).validate();
  if (!browsers.has_value()) {
    return need(false, "http_" + browsers.error().field(), browsers.error().message());
  }
  VECTRON_CHECK_OK(gateway::channel_config(*this).validate());
  VECTRON_CHECK_OK(gateway::http_config(*this).validate());
  return gateway::server_config(*this).validate();
}

Task<Result<void>> run_gateway(Env* env, GatewayConfig config) {
  const Result<void> checked = config.validate();
  VECTRON_CO_CHECK_OK(checked);
  gateway::Gateway service(env, std::move(config));
  Result<void> outcome = co_await service.run();
  co_return outcome;
}

}  // namespace vectron
