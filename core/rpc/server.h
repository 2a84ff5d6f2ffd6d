// Server: listens on an address and answers RPC methods.
//
// Each connection has a task that reads and one that writes; each request runs as a task of its
// own, which is destroyed when its deadline passes, when the client cancels it, and when its
// connection goes. Owned by a service; its handlers outlive it.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>

#include "core/async/task_group.h"
#include "core/base/body_memory.h"
#include "core/base/peer_holder.h"
#include "core/env/acceptor.h"
#include "core/env/env.h"
#include "core/rpc/frame.h"
#include "core/rpc/hello.h"
#include "core/rpc/method.h"
#include "core/rpc/request_context.h"
#include "core/rpc/request_observer.h"

namespace vectron::rpc {

/// So many of the largest frames must fit into the memory for bodies: a quarter of it is kept for
/// small ones, and one host may have half.
inline constexpr size_t kFramesOfBodies = 3;
constexpr bool is_room_for_frames(size_t body_bytes_in_flight_max, size_t frame_bytes_max) {
  return body_bytes_in_flight_max / kFramesOfBodies >= frame_bytes_max;
}
/// What a node's peers may make its server hold, and how long it waits for them: as of the fields
/// of ServerConfig. One host may have half.
struct PeerBounds {
  size_t connections_max = 4'096;
  size_t requests_in_flight_max = 20'000;
  size_t frame_bytes_max = 64 << 20;
  size_t body_bytes_in_flight_max = 256 << 20;
  Duration silence_max = 30s;
  PeerWatcher* watcher = nullptr;
};

/// Bounds and times of a Server.
struct ServerConfig {
  Identity identity;
  /// The service is starting and does not have all of its methods yet: one that is not known is
  /// answered `unavailable` (ask another node), not `unimplemented` (this program is older).
  bool starting = false;
  /// More are told so, and closed.
  size_t connections_max = 4'096;
  /// Of them, from one host. Servers that share `bodies` count a host's connections together.
  size_t host_connections_max = SIZE_MAX;
  /// Over all connections; more are refused.
  size_t requests_in_flight_max = 20'000;
  /// Of them, from one host. Servers that share `bodies` count a host's requests together.
  size_t host_requests_in_flight_max = SIZE_MAX;
  /// Of one connection; more are refused.
  size_t connection_requests_in_flight_max = 4'096;
  /// Of one frame, both ways.
  size_t frame_bytes_max = 64 << 20;
  /// Answers of one connection that wait; above it, it is not read. No option sets it.
  size_t queued_bytes_max = 64 << 20;
  /// Of all connections together: requests that arrive or are worked on, and answers that wait.
  /// Further requests are refused, and frames of more than 64 KiB thrown away as they come.
  size_t body_bytes_in_flight_max = 256 << 20;
  /// Of them, what clients of one host may hold together.
  size_t host_bytes_in_flight_max = SIZE_MAX;
  /// Counts them together with those of other servers, instead of the two lines above. May be null;
  /// outlives the server.
  BodyMemory* bodies = nullptr;
  /// The simulation's; may be null; outlives the server.
  PeerWatcher* watcher = nullptr;
  /// Nodes whose last start is known (Server::know_starts). No option sets it.
  size_t nodes_known_max = 65'536;
  /// A connection on which nothing comes, and nothing that was sent is taken, for so long is
  /// closed. So is one whose frame comes, or whose answers are taken, at less than 64 KiB in it.
  Duration silence_max = 30s;

  /// Takes `bounds` over, and half of each number for one host.
  void bind(const PeerBounds& bounds);
  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// Decides whether a request may run, and writes into its context who asks.
class Interceptor {
 public:
  virtual ~Interceptor() = default;
  /// Errors: unauthenticated, permission_denied, resource_exhausted.
  virtual Result<void> admit(const MethodInfo& method, uint32_t credential_slot,
                             RequestContext& context) = 0;
};

class ServerConnection;
class ServerStream;

/// Untyped handlers: each decodes the body at once (it does not live on) and returns the task that
/// answers. An error means that the body was refused. Generated code makes them
/// (schemas/typed_rpc.h).
using UnaryStart = std::function<Result<Task<Result<Bytes>>>(RequestContext, ByteView)>;
/// The same for a large body, which it may keep: it is decoded elsewhere than on the event loop.
using LargeUnaryStart = std::function<Task<Result<Bytes>>(RequestContext, FrameBody)>;
using StreamStart =
    std::function<Result<Task<Result<void>>>(RequestContext, ByteView, ServerStream*)>;
using OneWayRun = std::function<Result<void>(RequestContext, ByteView)>;
/// The same for one of more than kOneWayBytesMax, which it may keep.
using LargeOneWayRun = std::function<Task<Result<void>>(RequestContext, FrameBody)>;

class Server final : private PeerHolder {
 public:
  /// Requires: config.validate(); `env` outlives the server.
  Server(Env& env, ServerConfig config);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() override;

  /// Before start(). Requires: no other method has this id; the kind fits.
  /// `start_large`, where it is given, is called for bodies from FrameBuffer::kLargeBytesMin on.
  void add_unary(const MethodInfo& method, UnaryStart start, LargeUnaryStart start_large = {});
  void add_stream(const MethodInfo& method, StreamStart start);
  void add_one_way(const MethodInfo& method, OneWayRun run, LargeOneWayRun run_large = {});
  /// Asked for each request; null (the beginning) lets all pass. It outlives the server.
  void set_interceptor(Interceptor* interceptor) { interceptor_ = interceptor; }
  /// Told of each request's end, but of methods that are not known; null (the beginning) for none.
  /// It outlives the server.
  void set_observer(RequestObserver* observer) { observer_ = observer; }
  /// Where those are sent who speak HTTP to this port; none where the process serves no HTTP.
  void set_http_place(std::optional<Address> place) { http_place_ = std::move(place); }

  /// Where messages are encoded and decoded that would hold the event loop.
  Cpu& cpu() { return env_.cpu(); }

  /// Begins to listen. Errors: of Network::listen.
  Result<void> start(const Address& address) { return acceptor_.start(address); }
  /// Where it listens, with the real port. Requires: start() succeeded.
  const Address& address() const { return acceptor_.address(); }
  /// Takes what an authority, the placement driver, has on record: the last start of each node that
  /// it knows, in the place of what was known before. A named node is let in with that incarnation
  /// or a later one, and its connections of earlier ones are closed. Of a node that is not named
  /// nothing is remembered: what it says of itself shuts nobody out. Starts beyond nodes_known_max
  /// are left out.
  void know_starts(std::map<NodeId, uint64_t> starts);
  /// All of its addresses, where it listens at several.
  std::vector<Address> addresses() const { return acceptor_.addresses(); }
  /// Ends everything at once: requests that run are destroyed, connections closed. Must not be
  /// called by a handler.
  void stop();

  size_t connections() const { return connections_.size(); }
  size_t requests_in_flight() const { return requests_in_flight_; }
  /// What counts against body_bytes_in_flight_max.
  size_t body_bytes_in_flight() const { return bodies().bytes(); }
  /// The most of it that there ever was.
  size_t body_bytes_in_flight_peak() const { return bodies().bytes_peak(); }

 private:
  friend class ServerConnection;
  struct Method {
    const MethodInfo* info = nullptr;
    UnaryStart unary;
    LargeUnaryStart large_unary;
    StreamStart stream;
    OneWayRun one_way;
    LargeOneWayRun large_one_way;
  };

  std::vector<HeldForPeer> held_for_peers() const override;
  const BodyMemory& counter() const override { return bodies(); }
  void add(Method method);
  Acceptor::Hooks acceptor_hooks();
  /// What somebody is told for whom there is no room.
  static Bytes goodbye();
  Task<void> run_connection(std::unique_ptr<ServerConnection> connection);
  /// Refuses a node that has started again since. Errors: failed_precondition.
  Result<void> check_incarnation(const Identity& peer) const;

  Env& env_;
  ServerConfig config_;
  Interceptor* interceptor_ = nullptr;
  RequestObserver* observer_ = nullptr;
  std::optional<Address> http_place_;
  std::map<uint32_t, Method> methods_;
  std::map<NodeId, uint64_t> starts_;
  std::list<ServerConnection*> connections_;
  BodyMemory& bodies() const { return config_.bodies != nullptr ? *config_.bodies : *own_bodies_; }

  size_t requests_in_flight_ = 0;
  std::unique_ptr<BodyMemory> own_bodies_;
  Acceptor acceptor_;
  TaskGroup tasks_;
};

}  // namespace vectron::rpc
