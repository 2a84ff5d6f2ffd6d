// Client: asks one HTTP/1.1 server, over connections of the Env's network that it keeps alive.
//
// The client's half of server.h, in production and in simulation. Each request has a connection of
// its own while it runs; connections go back into a small pool afterwards. It never sends a request
// twice: it says whether the server can have seen it, and who asks decides.
#pragma once

#include <deque>

#include "core/env/env.h"
#include "core/http/request_parser.h"
#include "core/http/request_writer.h"

namespace vectron::http {

/// Bounds and times of a Client.
struct ClientConfig {
  /// Of answers.
  ParserLimits limits;
  /// More are refused.
  size_t requests_in_flight_max = 64;
  /// Kept for later requests; further ones are closed.
  size_t idle_connections_max = 8;
  /// An idle connection is not used again after it. Below the server's, which would close it under
  /// the next request.
  Duration idle_timeout = 30s;
  Duration connect_timeout = 5s;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// Tasks it returned must end or be destroyed before it is.
class Client {
 public:
  /// `env` outlives it. Requires: config.validate().
  Client(Env& env, Address server, ClientConfig config);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// Sends `request` and returns the answer, whatever its status. Until `deadline`, of the Env's
  /// monotonic clock. Errors: unavailable (no connection), deadline_exceeded, resource_exhausted:
  /// nothing was sent; unknown_outcome: it was sent, at least in part, and no whole answer came.
  Task<Result<Response>> send(ClientRequest request, Instant deadline);

  const Address& server() const { return server_; }
  size_t idle_connections() const { return idle_.size(); }

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    Instant since;
  };
  /// How far a request came; survives the task that sends it.
  struct Progress {
    bool sent = false;
  };

  Task<Result<Response>> exchange(ClientRequest request, Progress* progress);
  /// The planted bug http_duplicate_on_retry: what had no answer is sent again.
  Task<Result<Response>> exchange_twice(ClientRequest request, Progress* progress);
  Task<Result<std::unique_ptr<Connection>>> connection();
  Task<Result<Response>> receive(Connection* from, bool to_head, bool* reusable) const;
  std::unique_ptr<Connection> take_idle();
  void put_back(std::unique_ptr<Connection> connection);

  Env& env_;
  Address server_;
  ClientConfig config_;
  /// The one used last is at the back, and used first.
  std::deque<Idle> idle_;
  size_t in_flight_ = 0;
};

}  // namespace vectron::http
