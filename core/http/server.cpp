#include "core/http/server.h"

#include <algorithm>

#include "core/base/need.h"
#include "core/http/server_connection.h"

namespace vectron::http {
namespace {

constexpr Duration kAcceptPause = 10ms;  // After a failed accept: descriptors may be used up.

}  // namespace

Result<void> ServerConfig::validate() const {
  VECTRON_CHECK_OK(need_positive(limits.head_bytes_max / 256, "limits.head_bytes_max"));
  VECTRON_CHECK_OK(need_positive(limits.headers_max, "limits.headers_max"));
  VECTRON_CHECK_OK(need_positive(limits.body_bytes_max, "limits.body_bytes_max"));
  VECTRON_CHECK_OK(need_positive(connections_max, "connections_max"));
  VECTRON_CHECK_OK(need_positive(requests_in_flight_max, "requests_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(pipelined_requests_max, "pipelined_requests_max"));
  VECTRON_CHECK_OK(
      need_positive(body_bytes_in_flight_max / limits.body_bytes_max, "body_bytes_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(idle_timeout.count(), "idle_timeout"));
  VECTRON_CHECK_OK(need_positive(head_timeout.count(), "head_timeout"));
  VECTRON_CHECK_OK(need_positive(body_timeout.count(), "body_timeout"));
  VECTRON_CHECK_OK(need_positive(write_timeout.count(), "write_timeout"));
  return {};
}

Server::Server(Env& env, const Router& router, ServerConfig config)
    : env_(env), router_(router), config_(config), tasks_(env.scheduler()) {
  VECTRON_ASSERT(config_.validate().has_value());
}

Server::~Server() {
  stop();
}

Result<void> Server::start(const Address& address) {
  VECTRON_ASSERT(listener_ == nullptr, "a server starts once");
  VECTRON_TRY(listener_, env_.network().listen(address));
  tasks_.spawn(accept_connections());
  return {};
}

const Address& Server::address() const {
  VECTRON_ASSERT(listener_ != nullptr);
  return listener_->address();
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
  tasks_.cancel_all();
  listener_.reset();
  VECTRON_ASSERT(connections_.empty() && requests_in_flight_ == 0 && body_bytes_in_flight_ == 0);
}

Task<void> Server::accept_connections() {
  for (;;) {
    Result<std::unique_ptr<Connection>> accepted = co_await listener_->accept();
    if (!accepted.has_value()) {
      env_.log().warning("http", "accept failed: {}", accepted.error().to_string());
      co_await env_.clock().sleep_for(kAcceptPause);
      continue;
    }
    if (connections_.size() >= config_.connections_max) {
      (*accepted)->close();
      continue;
    }
    auto connection = std::make_unique<ServerConnection>(*this, *std::move(accepted));
    tasks_.spawn(run_connection(std::move(connection)));
  }
}

Task<void> Server::run_connection(std::unique_ptr<ServerConnection> connection) {
  co_await connection->run();
}

}  // namespace vectron::http
