#include "services/daemon/probes.h"

#include "core/base/need.h"
#include "services/gateway/http_api.h"

namespace vectron {
namespace {

http::ServerConfig probe_server_config() {
  http::ServerConfig config;
  config.connections_max = 64;
  config.requests_in_flight_max = 64;
  return config;
}

http::BrowserPolicy::Config browser_config(const Probes::Config& config) {
  return {.listen = {config.listen}, .hosts = config.hosts, .origins = {}};
}

}  // namespace

Result<void> Probes::Config::validate() const {
  const Result<void> browsers = browser_config(*this).validate();
  if (browsers.has_value()) return {};
  return need(false, "http_hosts", browsers.error().message());
}

Probes::Probes(Env* env, ProcessMetrics* process, Life life, const Config& config)
    : env_(env),
      process_(process),
      life_(life),
      listen_(config.listen),
      browsers_(browser_config(config)),
      server_(*env, router_, probe_server_config()) {
  const auto add = [this](std::string_view path, http::RouteKind kind, http::Handler handler) {
    router_.add(http::Method::get, path, std::move(handler), kind);
  };
  const auto alive_start = [this](const http::Request&) { return alive(); };
  add("/healthz", http::RouteKind::probe, alive_start);
  add("/livez", http::RouteKind::probe, alive_start);
  add("/readyz", http::RouteKind::probe, [this](const http::Request&) { return ready(); });
  add("/metrics", http::RouteKind::report, [this](const http::Request&) { return metrics(); });
  router_.set_gate([this](const http::Request& request, std::optional<http::RouteKind> kind) {
    return browsers_.judge(request, kind);
  });
}

Task<http::Response> Probes::alive() {
  co_return http::text_response(200, "ok\n");
}

Task<http::Response> Probes::ready() {
  if (life_.stopping->is_set()) co_return http::text_response(503, "stopping\n");
  if (life_.ended->is_set()) co_return http::text_response(503, "ended\n");
  if (!life_.ready->is_set()) co_return http::text_response(503, "starting\n");
  co_return http::text_response(200, "ok\n");
}

Task<http::Response> Probes::metrics() {
  http::Response response = gateway::metrics_response(env_->metrics());
  const std::string of_process = co_await process_->text();
  response.body += of_process;
  co_return response;
}

}  // namespace vectron
