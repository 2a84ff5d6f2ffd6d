#include "core/http/server.h"

#include <algorithm>

#include "core/base/need.h"
#include "core/http/response_writer.h"
#include "core/http/server_connection.h"

namespace vectron::http {
Result<void> ServerConfig::validate() const {
  VECTRON_CHECK_OK(need_at_least(limits.head_bytes_max, 256, "limits.head_bytes_max"));
  VECTRON_CHECK_OK(need_positive(limits.headers_max, "limits.headers_max"));
  VECTRON_CHECK_OK(need_positive(limits.body_bytes_max, "limits.body_bytes_max"));
  VECTRON_CHECK_OK(need_positive(connections_max, "connections_max"));
  VECTRON_CHECK_OK(need_positive(host_connections_max, "host_connections_max"));
  VECTRON_CHECK_OK(need_positive(requests_in_flight_max, "requests_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(host_requests_in_flight_max, "host_requests_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(pipelined_requests_max, "pipelined_requests_max"));
  VECTRON_CHECK_OK(need(body_bytes_in_flight_max >= limits.body_bytes_max,
                        "body_bytes_in_flight_max", "must be at least limits.body_bytes_max"));
  VECTRON_CHECK_OK(need(host_bytes_in_flight_max >= limits.body_bytes_max,
                        "host_bytes_in_flight_max", "must be at least limits.body_bytes_max"));
  VECTRON_CHECK_OK(need_positive(idle_timeout, "idle_timeout"));
  VECTRON_CHECK_OK(need_positive(head_timeout, "head_timeout"));
  VECTRON_CHECK_OK(need_positive(body_timeout, "body_timeout"));
  return need_positive(write_timeout, "write_timeout");
}

namespace {

Acceptor::Config acceptor_config(const ServerConfig& config) {
  return {.name = "http",
          .refused = Metric::http_connections_refused,
          .connections_max = config.connections_max,
          .host_connections_max = config.host_connections_max,
          .watcher = config.watcher};
}

}  // namespace

Server::Server(Env& env, const Router& router, ServerConfig config)
    : env_(env),
      router_(router),
      config_(config),
      own_bodies_(std::make_unique<BodyMemory>(
          BodyMemory::Limits{config.body_bytes_in_flight_max, config.host_bytes_in_flight_max})),
      acceptor_(env, acceptor_config(config_), this, acceptor_hooks()),
      tasks_(env.scheduler()) {
  VECTRON_ASSERT(config_.validate().has_value());
  if (config_.watcher != nullptr) config_.watcher->began(this);
}

Server::~Server() {
  if (config_.watcher != nullptr) config_.watcher->ended(this);
  stop();
}

std::vector<HeldForPeer> Server::held_for_peers() const {
  std::vector<HeldForPeer> out;
  out.reserve(connections_.size());
  for (const ServerConnection* connection : connections_) out.push_back(connection->held());
  return out;
}

void Server::drain() {
  draining_ = true;
  for (ServerConnection* connection : connections_) connection->drain();
}

void Server::give_up() {
  for (ServerConnection* connection : connections_) connection->give_up();
}

size_t Server::connections_owing() const {
  return static_cast<size_t>(std::ranges::count_if(
      connections_, [](const ServerConnection* connection) { return connection->owes(); }));
}

void Server::stop() {
  acceptor_.stop();
  tasks_.cancel_all();
  VECTRON_ASSERT(connections_.empty() && requests_in_flight_ == 0 && probes_in_flight_ == 0);
}

Acceptor::Hooks Server::acceptor_hooks() {
  return {.connections = [this] { return connections_.size(); },
          .take =
              [this](std::unique_ptr<Connection> accepted) {
                auto connection = std::make_unique<ServerConnection>(*this, std::move(accepted));
                tasks_.spawn(run_connection(std::move(connection)));
              },
          .goodbye = [this] { return goodbye(); }};
}

Bytes Server::goodbye() const {
  const Status reason(Code::unavailable,
                      "this server has as many connections as it may, in all or from one host: "
                      "retry later, or ask another");
  Framing framing;
  framing.now = env_.clock().wall();
  framing.closes = true;
  return to_bytes(as_bytes(write_response(error_response(reason), framing)));
}

Task<void> Server::run_connection(std::unique_ptr<ServerConnection> connection) {
  co_await connection->run();
}

}  // namespace vectron::http
