#include "core/rpc/server.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "core/base/need.h"
#include "core/rpc/error_body.h"
#include "core/rpc/server_connection.h"

namespace vectron::rpc {
void ServerConfig::bind(const PeerBounds& bounds) {
  connections_max = bounds.connections_max;
  host_connections_max = std::max<size_t>(bounds.connections_max / 2, 1);
  requests_in_flight_max = bounds.requests_in_flight_max;
  host_requests_in_flight_max = std::max<size_t>(bounds.requests_in_flight_max / 2, 1);
  frame_bytes_max = bounds.frame_bytes_max;
  body_bytes_in_flight_max = bounds.body_bytes_in_flight_max;
  host_bytes_in_flight_max = bounds.body_bytes_in_flight_max / 2;
  silence_max = bounds.silence_max;
  watcher = bounds.watcher;
}

Result<void> ServerConfig::validate() const {
  VECTRON_CHECK_OK(need_positive(connections_max, "connections_max"));
  VECTRON_CHECK_OK(need_positive(host_connections_max, "host_connections_max"));
  VECTRON_CHECK_OK(need_positive(requests_in_flight_max, "requests_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(host_requests_in_flight_max, "host_requests_in_flight_max"));
  VECTRON_CHECK_OK(
      need_positive(connection_requests_in_flight_max, "connection_requests_in_flight_max"));
  VECTRON_CHECK_OK(need_at_least(frame_bytes_max, kFrameHeaderBytes, "frame_bytes_max"));
  VECTRON_CHECK_OK(need_positive(queued_bytes_max, "queued_bytes_max"));
  VECTRON_CHECK_OK(need(is_room_for_frames(body_bytes_in_flight_max, frame_bytes_max),
                        "body_bytes_in_flight_max",
                        fmt::format("must be at least {} times frame_bytes_max", kFramesOfBodies)));
  VECTRON_CHECK_OK(need(host_bytes_in_flight_max / 3 * 2 >= frame_bytes_max,
                        "host_bytes_in_flight_max",
                        "must be at least one and a half times frame_bytes_max"));
  VECTRON_CHECK_OK(need_positive(nodes_known_max, "nodes_known_max"));
  return need_positive(silence_max, "silence_max");
}

namespace {

Acceptor::Config acceptor_config(const ServerConfig& config) {
  return {.name = "rpc",
          .refused = Metric::rpc_connections_refused,
          .connections_max = config.connections_max,
          .host_connections_max = config.host_connections_max,
          .watcher = config.watcher};
}

}  // namespace

Server::Server(Env& env, ServerConfig config)
    : env_(env),
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

void Server::add_unary(const MethodInfo& method, UnaryStart start, LargeUnaryStart start_large) {
  VECTRON_ASSERT(method.kind == MethodKind::unary);
  Method row{.info = &method, .unary = std::move(start), .large_unary = std::move(start_large)};
  add(std::move(row));
}

void Server::add_stream(const MethodInfo& method, StreamStart start) {
  VECTRON_ASSERT(method.kind == MethodKind::server_stream);
  Method row{.info = &method, .stream = std::move(start)};
  add(std::move(row));
}

void Server::add_one_way(const MethodInfo& method, OneWayRun run, LargeOneWayRun run_large) {
  VECTRON_ASSERT(method.kind == MethodKind::one_way);
  Method row{.info = &method, .one_way = std::move(run), .large_one_way = std::move(run_large)};
  add(std::move(row));
}

void Server::add(Method method) {
  VECTRON_ASSERT(!acceptor_.listening(), "methods are added before the server starts");
  const MethodInfo& info = *method.info;
  const bool added = methods_.emplace(info.id, std::move(method)).second;
  VECTRON_ASSERT(added, "{}.{} shares its id with another method", info.service, info.name);
}

void Server::stop() {
  acceptor_.stop();
  tasks_.cancel_all();
  VECTRON_ASSERT(connections_.empty() && requests_in_flight_ == 0);
}

Acceptor::Hooks Server::acceptor_hooks() {
  return {.connections = [this] { return connections_.size(); },
          .take =
              [this](std::unique_ptr<Connection> accepted) {
                auto connection = std::make_unique<ServerConnection>(*this, std::move(accepted));
                tasks_.spawn(run_connection(std::move(connection)));
              },
          .goodbye = &Server::goodbye};
}

Bytes Server::goodbye() {
  // Not resource_exhausted: another node may have room.
  const Status reason(Code::unavailable,
                      "this node has as many connections as it may, in all or from one host: retry "
                      "later, or ask another");
  Bytes frame;
  append_frame(frame, {.kind = FrameKind::error}, encode_error(reason));
  return frame;
}

Task<void> Server::run_connection(std::unique_ptr<ServerConnection> connection) {
  co_await connection->run();
  env_.metrics().set(Metric::rpc_bytes_held_peak, bodies().bytes_peak());
}

// A Hello alone proves nothing, so it never changes what is known of a node.
Result<void> Server::check_incarnation(const Identity& peer) const {
  const auto known = starts_.find(peer.node);
  if (known == starts_.end() || peer.incarnation >= known->second) return {};
  return fail(Code::failed_precondition,
              fmt::format("node {} has started again since incarnation {}: this one is {}",
                          peer.node, peer.incarnation, known->second));
}

void Server::know_starts(std::map<NodeId, uint64_t> starts) {
  if (env_.planted("hello_is_remembered")) starts.merge(starts_);
  if (starts.size() > config_.nodes_known_max) {
    env_.log().warning("rpc", "{} nodes are known, {} are kept in mind", starts.size(),
                       config_.nodes_known_max);
    starts.erase(std::next(starts.begin(), static_cast<ptrdiff_t>(config_.nodes_known_max)),
                 starts.end());
  }
  starts_ = std::move(starts);
  env_.metrics().set(Metric::rpc_nodes_known, starts_.size());
  for (ServerConnection* connection : connections_) {
    if (!check_incarnation(connection->peer()).has_value()) connection->close();
  }
}

}  // namespace vectron::rpc
