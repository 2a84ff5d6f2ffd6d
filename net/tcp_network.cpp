#include "net/tcp_network.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/async/sync.h"
#include "core/base/assert.h"
#include "core/env/refused.h"
#include "core/env/surplus.h"
#include "net/accepted_connections.h"
#include "net/endpoint.h"
#include "net/listener_set.h"
#include "net/offload.h"
#include "net/process_limits.h"
#include "net/system_status.h"
#include "net/watched_descriptor.h"

namespace vectron {

namespace {

constexpr int kBacklogConnectionsMax = 1024;
// So many reads or writes that need not wait, or so many bytes, may follow one another before
// everybody else gets a turn. (With what is done to them, 256 KiB take about a third of a
// millisecond.)
constexpr int kOperationsInlineMax = 32;
constexpr size_t kBytesInlineMax = 256 << 10;
constexpr Duration kOutOfDescriptorsPause = 20ms;
// A peer that vanished without a word is noticed after about 15 s + 3 x 5 s of silence.
constexpr int kKeepAliveIdleSeconds = 15;
constexpr int kKeepAliveIntervalSeconds = 5;
constexpr int kKeepAliveProbes = 3;

std::unexpected<Status> unavailable(const std::string& what, int error) {
  std::string message = system_status(error, what).message();
  if (error != ECONNREFUSED) return fail(Code::unavailable, std::move(message));
  message += ": ";
  message += kNobodyListens;
  return fail(Code::unavailable, std::move(message), std::string(kRefusedField));
}

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

void set_option(int socket, int level, int option, int value) {
  // An option that the system lacks costs speed, not correctness.
  (void)::setsockopt(socket, level, option, &value, sizeof(value));
}

void set_stream_options(int socket) {
  set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
}

class TcpConnection : public Connection, private AcceptedConnection {
 public:
  /// `accepted` is null for a connection that this process made.
  TcpConnection(EventLoop& loop, WatchedDescriptor socket, Address peer,
                std::shared_ptr<AcceptedConnections> accepted)
      : scheduler_(loop.scheduler()),
        socket_(std::move(socket)),
        peer_(std::move(peer)),
        accepted_(std::move(accepted)) {
    set_stream_options(socket_.descriptor());
    if (accepted_ != nullptr) place_ = accepted_->add(this, peer_.text, scheduler_.now());
  }
  ~TcpConnection() override { leave(); }

  Task<Result<size_t>> read_some(std::span<uint8_t> into) override {
    VECTRON_ASSERT(!into.empty());
    if (takes_more_than_its_share()) {
      SleepAwaiter others_first(scheduler_, next_turn());
      co_await others_first;
    }
    while (!failed_) {
      const ssize_t count = ::recv(socket_.descriptor(), into.data(), into.size(), 0);
      if (count >= 0) co_return took(static_cast<size_t>(count));
      if (errno == EINTR) continue;
      if (!would_block(errno)) co_return broken(errno);
      new_share();
      auto readable = socket_.ready(Readiness::readable);
      co_await readable;
    }
    co_return fail(Code::unavailable, failure_);
  }

  Task<Result<size_t>> write_some(ByteView bytes) override {
    VECTRON_ASSERT(!bytes.empty());
    if (takes_more_than_its_share()) {
      SleepAwaiter others_first(scheduler_, next_turn());
      co_await others_first;
    }
    while (!failed_ && !write_ended_) {
      const ssize_t count = ::send(socket_.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count > 0) co_return took(static_cast<size_t>(count));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && !would_block(errno)) co_return broken(errno);
      new_share();
      auto writable = socket_.ready(Readiness::writable);
      co_await writable;
    }
    co_return fail(Code::unavailable,
                   failed_ ? failure_ : "the writing side of the connection was shut");
  }

  std::optional<Result<size_t>> try_write_some(ByteView bytes) override {
    VECTRON_ASSERT(!bytes.empty());
    if (failed_ || write_ended_ || has_had_its_share(1)) return std::nullopt;
    const ssize_t count = ::send(socket_.descriptor(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return std::nullopt;  // write_some() finds out why.
    ++inline_operations_;
    return took(static_cast<size_t>(count));
  }

  void shutdown_write() override {
    if (failed_ || std::exchange(write_ended_, true)) return;
    ::shutdown(socket_.descriptor(), SHUT_WR);
  }

  void close() override {
    leave();
    if (socket_.descriptor() < 0) return;
    const linger reset{.l_onoff = 1, .l_linger = 0};
    (void)::setsockopt(socket_.descriptor(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    set_failed("the connection was closed");
    socket_.close();
  }

  const Address& peer() const override { return peer_; }

  void ask_before_closing(std::function<bool()> owes) override { owes_ = std::move(owes); }

 private:
  bool owes() override { return owes_ && owes_(); }
  bool holds_unsent() override {
    int bytes = 0;
    return ::ioctl(socket_.descriptor(), SIOCOUTQ, &bytes) == 0 && bytes > 0;
  }
  bool has_had_its_share(int more_operations) const {
    return inline_operations_ + more_operations >= kOperationsInlineMax ||
           inline_bytes_ >= kBytesInlineMax;
  }
  void new_share() {
    inline_operations_ = 0;
    inline_bytes_ = 0;
  }
  bool takes_more_than_its_share() {
    ++inline_operations_;
    if (!has_had_its_share(0)) return false;
    new_share();
    return true;
  }
  size_t took(size_t bytes) {
    inline_bytes_ += bytes;
    if (accepted_ != nullptr) accepted_->moved(place_, scheduler_.now());
    return bytes;
  }
  void leave() {
    if (const auto accepted = std::exchange(accepted_, nullptr)) accepted->remove(place_);
  }
  /// Later than now, by however little, is after the loop has looked at the sockets again.
  Instant next_turn() const { return scheduler_.now() + 1ns; }

  /// The kernel tells of a reset once, and afterwards reports the end of the stream as if it were
  /// orderly; so a failure of one direction is remembered for both.
  std::unexpected<Status> broken(int error) {
    set_failed(system_status(error, "connection with " + peer_.text).message());
    return fail(Code::unavailable, failure_);
  }
  void set_failed(std::string why) {
    if (std::exchange(failed_, true)) return;
    failure_ = std::move(why);
  }

  Scheduler& scheduler_;
  WatchedDescriptor socket_;
  Address peer_;
  /// Null once it is closed.
  std::shared_ptr<AcceptedConnections> accepted_;
  AcceptedConnections::Place place_{};
  std::function<bool()> owes_;
  bool failed_ = false;
  bool write_ended_ = false;
  std::string failure_;
  int inline_operations_ = 0;
  size_t inline_bytes_ = 0;
};

/// How many connections a network keeps only to tell them why it cannot keep them.
using ToldCount = std::shared_ptr<uint64_t>;

class SurplusTcpConnection final : public TcpConnection, public Surplus {
 public:
  /// `told` is null for one that may not be told.
  SurplusTcpConnection(EventLoop& loop, WatchedDescriptor socket, Address peer, ToldCount told)
      : TcpConnection(loop, std::move(socket), std::move(peer), nullptr), told_(std::move(told)) {
    if (told_ != nullptr) ++*told_;
  }
  ~SurplusTcpConnection() override {
    if (told_ != nullptr) --*told_;
  }
  bool may_be_told() const override { return told_ != nullptr; }

 private:
  ToldCount told_;
};

/// What the listeners of a network share.
struct Accepting {
  std::shared_ptr<AcceptedConnections> accepted = std::make_shared<AcceptedConnections>();
  ToldCount told = std::make_shared<uint64_t>(0);
};

class TcpListener final : public Listener {
 public:
  TcpListener(EventLoop& loop, int socket, Accepting accepting)
      : loop_(loop),
        address_(local_endpoint(socket).address()),
        socket_(loop, socket),
        accepting_(std::move(accepting)) {}

  Task<Result<std::unique_ptr<Connection>>> accept() override {
    if (std::exchange(pauses_, false)) {
      SleepAwaiter pause(loop_.scheduler(), loop_.scheduler().now() + kOutOfDescriptorsPause);
      co_await pause;
    }
    while (true) {
      if (socket_.descriptor() < 0) co_return fail(Code::unavailable, "the listener is closed");
      const int accepted =
          ::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted >= 0) {
        const auto number = static_cast<uint64_t>(accepted);
        const size_t kept = accepting_.accepted->size();
        const bool fits = may_keep_connection(number, kept, descriptors_max());
        if (!fits && !make_room()) co_return surplus(accepted);
        WatchedDescriptor socket(loop_, accepted);
        co_return std::make_unique<TcpConnection>(
            loop_, std::move(socket), remote_endpoint(accepted).address(), accepting_.accepted);
      }
      const int error = errno;
      const bool none_left = error == EMFILE || error == ENFILE;
      if (none_left && make_room()) continue;
      if (would_block(error)) {
        auto readable = socket_.ready(Readiness::readable);
        co_await readable;
      } else if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) {
        // The connection stays in the backlog, so readiness would call us back at once, and for
        // nothing.
        SleepAwaiter pause(loop_.scheduler(), loop_.scheduler().now() + kOutOfDescriptorsPause);
        co_await pause;
      } else if (error == EBADF || error == EINVAL || error == ENOTSOCK) {
        co_return unavailable("cannot accept at " + address_.text, error);
      }
      // Everything else belongs to one connection that died before we took it.
    }
  }
  const Address& address() const override { return address_; }

 private:
  /// One that cannot be kept. After one that cannot be told either, those that wait wait a little.
  std::unique_ptr<Connection> surplus(int accepted) {
    count_closed_fresh();
    const auto number = static_cast<uint64_t>(accepted);
    const bool told = may_tell_connection(number, *accepting_.told, descriptors_max());
    pauses_ = !told;
    WatchedDescriptor socket(loop_, accepted);
    return std::make_unique<SurplusTcpConnection>(loop_, std::move(socket),
                                                  remote_endpoint(accepted).address(),
                                                  told ? accepting_.told : nullptr);
  }

  bool make_room() {
    const bool made = accepting_.accepted->close_stillest(loop_.scheduler().now());
    if (made) count_closed_still();
    return made;
  }

  EventLoop& loop_;
  Address address_;
  WatchedDescriptor socket_;
  Accepting accepting_;
  bool pauses_ = false;
};

int open_socket(const Endpoint& endpoint) {
  return ::socket(endpoint.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
}

/// 0 and the socket, or an errno.
int open_listening_socket(const Endpoint& endpoint, bool one_family, int* socket) {
  *socket = open_socket(endpoint);
  if (*socket < 0) return errno;
  set_option(*socket, SOL_SOCKET, SO_REUSEADDR, 1);
  if (one_family && endpoint.family() == AF_INET6)
    set_option(*socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  if (::bind(*socket, endpoint.get(), endpoint.size) == 0 &&
      ::listen(*socket, kBacklogConnectionsMax) == 0) {
    return 0;
  }
  const int error = errno;
  ::close(*socket);
  return error;
}

bool is_absent(int error) {
  return error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

// One listener for each endpoint that this machine has: a name may have addresses of a family that
// is turned off here. All have one port.
Result<std::vector<std::unique_ptr<Listener>>> listen_at_all(EventLoop& loop,
                                                             const Accepting& accepting,
                                                             std::vector<Endpoint> endpoints,
                                                             const std::string& what) {
  std::vector<std::unique_ptr<Listener>> listeners;
  uint16_t port = 0;
  for (Endpoint& endpoint : endpoints) {
    if (port != 0) endpoint.set_port(port);
    int socket = -1;
    const int error = open_listening_socket(endpoint, endpoints.size() > 1, &socket);
    if (is_absent(error)) continue;
    if (error != 0) return unavailable(what + " (" + endpoint.address().text + ")", error);
    port = local_endpoint(socket).port();
    listeners.push_back(std::make_unique<TcpListener>(loop, socket, accepting));
  }
  if (listeners.empty()) {
    return fail(Code::invalid_argument, what + ": this machine has no such address");
  }
  return listeners;
}

/// 0, or the errno of a connect that was begun; EINPROGRESS when it has not ended.
int connect_outcome(int socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  if (error != 0) return error;
  const Endpoint remote = remote_endpoint(socket);
  if (remote.family() == AF_UNSPEC) return EINPROGRESS;
  // Connecting to a free port of the range for callers may meet itself (a simultaneous open with
  // one end): that is nobody listening.
  if (remote.address() == local_endpoint(socket).address()) return ECONNREFUSED;
  return 0;
}

}  // namespace

struct TcpNetwork::Impl {
  EventLoop& loop;
  Offload resolver;
  Accepting accepting;

  Task<Result<std::vector<Endpoint>>> resolve(HostPort where);
  Task<Result<std::unique_ptr<Connection>>> connect_to(Endpoint endpoint, Address address);
};

TcpNetwork::TcpNetwork(EventLoop& loop, ThreadPool& resolver)
    : impl_(new Impl{loop, Offload(loop, resolver, Offload::Limits{.jobs_in_flight_max = 2})}) {}

TcpNetwork::~TcpNetwork() = default;

Result<std::unique_ptr<Listener>> TcpNetwork::listen(const Address& address) {
  VECTRON_TRY(const HostPort where, parse_host_port(address));
  VECTRON_TRY(std::vector<Endpoint> endpoints, listening_endpoints(where));
  VECTRON_ASSERT(!endpoints.empty());
  // The ports that systems give out are each family's own: one that is free here may be taken
  // there.
  constexpr int kPortsTriedMax = 16;
  for (int tried = 1;; ++tried) {
    auto listeners =
        listen_at_all(impl_->loop, impl_->accepting, endpoints, "cannot listen at " + address.text);
    if (listeners.has_value() && listeners->size() == 1) return std::move(listeners->front());
    if (listeners.has_value()) {
      return std::make_unique<ListenerSet>(impl_->loop.scheduler(), *std::move(listeners));
    }
    if (where.port != 0 || endpoints.size() == 1 || tried == kPortsTriedMax) {
      return fail(listeners.error());
    }
  }
}

Task<Result<std::unique_ptr<Connection>>> TcpNetwork::connect(Address address) {
  const auto where = parse_host_port(address);
  VECTRON_CO_CHECK_OK(where);
  if (is_every_address(*where)) {
    co_return fail(Code::invalid_argument,
                   "'" + address.text + "' says where to listen, not where to connect to");
  }
  const auto endpoints = co_await impl_->resolve(*where);
  VECTRON_CO_CHECK_OK(endpoints);
  Result<std::unique_ptr<Connection>> connection =
      fail(Code::unavailable, "'" + address.text + "' has no address");
  for (const Endpoint& endpoint : *endpoints) {
    connection = co_await impl_->connect_to(endpoint, address);
    if (connection.has_value()) break;
  }
  co_return connection;
}

Task<Result<std::vector<Endpoint>>> TcpNetwork::Impl::resolve(HostPort where) {
  std::vector<Endpoint> numeric = numeric_endpoints(where);
  if (!numeric.empty()) co_return numeric;
  const auto resolved = std::make_shared<Result<std::vector<Endpoint>>>();
  std::function<void()> work = [resolved, where] { *resolved = resolve_blocking(where); };
  co_await resolver.run(std::move(work));
  co_return std::move(*resolved);
}

Task<Result<std::unique_ptr<Connection>>> TcpNetwork::Impl::connect_to(Endpoint endpoint,
                                                                       Address address) {
  const std::string what = "cannot connect to " + address.text;
  const int descriptor = open_socket(endpoint);
  if (descriptor < 0) co_return unavailable(what, errno);
  // The kernel's wish to connect comes before Asio's: a socket that is not connecting yet reads as
  // hung up.
  const bool begun =
      ::connect(descriptor, endpoint.get(), endpoint.size) == 0 || errno == EINPROGRESS;
  const int begin_error = errno;
  WatchedDescriptor socket(loop, descriptor);
  if (!begun) co_return unavailable(what, begin_error);
  int outcome = connect_outcome(descriptor);
  while (outcome == EINPROGRESS) {
    auto writable = socket.ready(Readiness::writable);
    co_await writable;
    if (socket.descriptor() < 0) co_return fail(Code::unavailable, what);
    outcome = connect_outcome(descriptor);
  }
  if (outcome != 0) co_return unavailable(what, outcome);
  co_return std::make_unique<TcpConnection>(loop, std::move(socket), std::move(address),
                                            std::shared_ptr<AcceptedConnections>());
}

}  // namespace vectron
