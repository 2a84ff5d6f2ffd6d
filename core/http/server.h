// Server: HTTP/1.1 on an address of the Env's network, in production and in simulation.
//
// Each connection has a task that reads and one that writes. Requests that arrive on a connection
// before the earlier ones are answered are answered in their order; those whose routes only read
// run beside one another, any other runs alone. Owned by a service; the router outlives it.
#pragma once

#include <list>
#include <memory>

#include "core/async/task_group.h"
#include "core/base/body_memory.h"
#include "core/base/peer_holder.h"
#include "core/env/acceptor.h"
#include "core/env/env.h"
#include "core/http/refusal_observer.h"
#include "core/http/request_parser.h"
#include "core/http/router.h"

namespace vectron::http {

/// Bounds and times of a Server.
struct ServerConfig {
  ParserLimits limits;
  /// More are answered 503, and closed.
  size_t connections_max = 4'096;
  /// Of them, from one host. Servers that share `bodies` count a host's connections together.
  size_t host_connections_max = SIZE_MAX;
  /// Over all connections, probes aside (of which 256 may run); more get 503.
  size_t requests_in_flight_max = 4'096;
  /// Of them, from one host. Servers that share `bodies` count a host's requests together.
  size_t host_requests_in_flight_max = SIZE_MAX;
  /// Of one connection, read but not answered; further ones wait in the network.
  size_t pipelined_requests_max = 16;
  /// Of all connections together: bodies that arrive or are worked on, and answers that wait. More
  /// bodies get 503; reads whose answers are larger than what is left get 429, and so do small
  /// ones on a connection where others wait.
  size_t body_bytes_in_flight_max = 256 << 20;
  /// Of them, what clients of one host may hold together.
  size_t host_bytes_in_flight_max = SIZE_MAX;
  /// Counts them together with those of other servers, instead of the two lines above. May be null;
  /// outlives the server.
  BodyMemory* bodies = nullptr;
  /// Told of requests that no handler sees. May be null; outlives the server.
  RefusalObserver* refusals = nullptr;
  /// The simulation's; may be null; outlives the server.
  PeerWatcher* watcher = nullptr;

  /// Between an answer and the first byte of the next request.
  Duration idle_timeout = 75s;
  /// From the first byte to the end of the head; then 408.
  Duration head_timeout = 10s;
  /// From there to the end of the body; then 408.
  Duration body_timeout = 60s;
  /// Within it an answer is taken, or 64 KiB of it are. A body comes as fast in each quarter of
  /// body_timeout, else 408.
  Duration write_timeout = 30s;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

class ServerConnection;

class Server final : private PeerHolder {
 public:
  /// Requires: config.validate(); `env` and `router` outlive the server.
  Server(Env& env, const Router& router, ServerConfig config);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() override;

  /// Begins to listen. Errors: of Network::listen.
  Result<void> start(const Address& address) { return acceptor_.start(address); }
  /// Where it listens, with the real port. Requires: start() succeeded.
  const Address& address() const { return acceptor_.address(); }
  /// All of its addresses, where it listens at several.
  std::vector<Address> addresses() const { return acceptor_.addresses(); }

  /// Begins to stop. What runs is answered, then its connection ends; a request that is still
  /// arriving is refused with 503: it certainly was not done; connections that owe nothing end now.
  /// New ones may ask once, so that probes hear of it: whoever stops refuses the rest.
  void drain();
  /// After drain(), when its time is over: what still runs is destroyed, and answered 503 if it
  /// only reads, 504 with `unknown_outcome` otherwise. Must not be called by a handler.
  void give_up();
  /// Ends everything at once: requests that run are destroyed, connections closed. Must not be
  /// called by a handler.
  void stop();

  size_t connections() const { return connections_.size(); }
  /// Requests whose answers are not written yet; probes are not counted.
  size_t requests_in_flight() const { return requests_in_flight_; }
  /// Connections with a request that is not answered, or with an answer that stop() could take from
  /// its client.
  size_t connections_owing() const;
  /// Bytes that count against body_bytes_in_flight_max.
  size_t body_bytes_in_flight() const { return bodies().bytes(); }
  /// The most of it that there ever was.
  size_t body_bytes_in_flight_peak() const { return bodies().bytes_peak(); }

 private:
  friend class ServerConnection;

  std::vector<HeldForPeer> held_for_peers() const override;
  const BodyMemory& counter() const override { return bodies(); }
  Acceptor::Hooks acceptor_hooks();
  /// The answer for a client for whom there is no room.
  Bytes goodbye() const;
  Task<void> run_connection(std::unique_ptr<ServerConnection> connection);
  BodyMemory& bodies() const { return config_.bodies != nullptr ? *config_.bodies : *own_bodies_; }

  Env& env_;
  const Router& router_;
  ServerConfig config_;
  std::list<ServerConnection*> connections_;
  size_t requests_in_flight_ = 0;
  size_t probes_in_flight_ = 0;
  std::unique_ptr<BodyMemory> own_bodies_;
  bool draining_ = false;
  Acceptor acceptor_;
  TaskGroup tasks_;  // Last: the connections' tasks use all of the above.
};

}  // namespace vectron::http
