#include "services/daemon/probes.h"

#include "services/daemon/process_metrics.h"
#include "services/gateway/http_api.h"

namespace vectron {
namespace {

http::ServerConfig probe_server_config() {
  http::ServerConfig config;
  config.connections_max = 64;
  config.requests_in_flight_max = 64;
  return config;
}

}  // namespace

Probes::Probes(Env* env, Life life)
    : env_(env), life_(life), server_(*env, router_, probe_server_config()) {
  const auto alive_start = [this](const http::Request&) { return alive(); };
  router_.add(http::Method::get, "/healthz", alive_start);
  router_.add(http::Method::get, "/livez", alive_start);
  router_.add(http::Method::get, "/readyz", [this](const http::Request&) { return ready(); });
  router_.add(http::Method::get, "/metrics", [this](const http::Request&) { return metrics(); });
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
  response.body += process_metrics_text();
  co_return response;
}

}  // namespace vectron
