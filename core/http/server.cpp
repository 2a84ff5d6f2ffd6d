#include "core/http/server.h"

#include <algorithm>

#include "core/async/combine.h"
#include "core/base/need.h"
#include "core/env/goodbye.h"
#include "core/http/response_writer.h"
#include "core/http/server_connection.h"

namespace vectron::http {
namespace {

constexpr Duration kAcceptPause = 10ms;  // After a failed accept: descriptors may be used up.
constexpr size_t kGoodbyesMax = 64;      // Clients that are being turned away at once.
constexpr Duration kGoodbyeTime = 1s;

}  // namespace

Result<void> ServerConfig::validate() const {
  VECTRON_CHECK_OK(need_positive(limits.head_bytes_max / 256, "limits.head_bytes_max"));
  VECTRON_CHECK_OK(need_positive(limits.headers_max, "limits.headers_max"));
  VECTRON_CHECK_OK(need_positive(limits.body_bytes_max, "limits.body_bytes_max"));
  VECTRON_CHECK_OK(need_positive(connections_max, "connections_max"));
  VECTRON_CHECK_OK(need_positive(host_connections_max, "host_connections_max"));
  VECTRON_CHECK_OK(need_positive(requests_in_flight_max, "requests_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(probes_in_flight_max, "probes_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(host_requests_in_flight_max, "host_requests_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(pipelined_requests_max, "pipelined_requests_max"));
  VECTRON_CHECK_OK(
      need_positive(body_bytes_in_flight_max / limits.body_bytes_max, "body_bytes_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(waiting_answer_bytes_max, "waiting_answer_bytes_max"));
  VECTRON_CHECK_OK(
      need_positive(host_bytes_in_flight_max / limits.body_bytes_max, "host_bytes_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(idle_timeout.count(), "idle_timeout"));
  VECTRON_CHECK_OK(need_positive(head_timeout.count(), "head_timeout"));
  VECTRON_CHECK_OK(need_positive(body_timeout.count(), "body_timeout"));
  VECTRON_CHECK_OK(need_positive(write_timeout.count(), "write_timeout"));
  return {};
}

Server::Server(Env& env, const Router& router, ServerConfig config)
    : env_(env),
      router_(router),
      config_(config),
      own_bodies_(std::make_unique<BodyMemory>(
          BodyMemory::Limits{config.body_bytes_in_flight_max, config.host_bytes_in_flight_max})),
      turned_away_(1s),
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

std::vector<Address> Server::addresses() const {
  VECTRON_ASSERT(listener_ != nullptr);
  return listener_->addresses();
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
  VECTRON_ASSERT(connections_.empty() && requests_in_flight_ == 0 && probes_in_flight_ == 0);
}

Task<void> Server::accept_connections() {
  for (;;) {
    Result<std::unique_ptr<Connection>> accepted = co_await listener_->accept();
    if (!accepted.has_value()) {
      env_.log().warning("http", "accept failed: {}", accepted.error().to_string());
      co_await env_.clock().sleep_for(kAcceptPause);
      continue;
    }
    if (!has_room_for(**accepted)) {
      turn_away(*std::move(accepted));
      continue;
    }
    auto connection = std::make_unique<ServerConnection>(*this, *std::move(accepted));
    tasks_.spawn(run_connection(std::move(connection)));
  }
}

bool Server::has_room_for(const Connection& connection) const {
  return connections_.size() < config_.connections_max &&
         bodies().connections_from(connection.peer().text) < config_.host_connections_max;
}

void Server::turn_away(std::unique_ptr<Connection> connection) {
  env_.metrics().add(Metric::http_connections_refused);
  if (config_.watcher != nullptr) config_.watcher->turned_away(this, connection->peer().text);
  if (const auto count = turned_away_.note(env_.clock().monotonic()); count > 0) {
    env_.log().warning(
        "http",
        "{} connections were refused, the last of {}: connections_max is {}, and one host "
        "may have {}",
        count, connection->peer().text, config_.connections_max,
        std::min(config_.host_connections_max, config_.connections_max));
  }
  if (goodbyes_ >= kGoodbyesMax) return connection->close();
  tasks_.spawn(say_goodbye(std::move(connection)));
}

Task<void> Server::say_goodbye(std::unique_ptr<Connection> connection) {
  ++goodbyes_;
  const Status reason(Code::unavailable,
                      "this server has as many connections as it may, in all or from one host: "
                      "retry later, or ask another");
  Framing framing;
  framing.now = env_.clock().wall();
  framing.closes = true;
  const std::string answer = write_response(error_response(reason), framing);
  Clock& clock = env_.clock();
  const Instant deadline = clock.scheduler_time(clock.monotonic() + kGoodbyeTime);
  auto telling = tell_and_end(connection.get(), to_bytes(as_bytes(answer)));
  co_await with_deadline(&clock.scheduler(), deadline, std::move(telling));
  --goodbyes_;
}

Task<void> Server::run_connection(std::unique_ptr<ServerConnection> connection) {
  co_await connection->run();
}

}  // namespace vectron::http
