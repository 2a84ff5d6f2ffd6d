#include "net/in_process_network.h"

#include <charconv>
#include <deque>
#include <map>

#include "core/async/sync.h"
#include "core/base/assert.h"
#include "core/env/refused.h"
#include "net/byte_ring.h"

namespace vectron {

namespace {

/// One direction.
struct Pipe {
  explicit Pipe(Scheduler& scheduler)
      : bytes(InProcessNetwork::kPipeBytesMax),
        changed_for_reader(scheduler),
        changed_for_writer(scheduler) {}

  ByteRing bytes;
  bool write_ended = false;
  bool reader_gone = false;
  Condition changed_for_reader;
  Condition changed_for_writer;
};

/// The state that both ends of a connection share.
struct Link {
  explicit Link(Scheduler& scheduler) : pipes{Pipe(scheduler), Pipe(scheduler)} {}

  std::array<Pipe, 2> pipes;
  bool is_reset = false;

  void reset() {
    is_reset = true;
    for (Pipe& pipe : pipes) {
      pipe.bytes.clear();
      pipe.changed_for_reader.notify_all();
      pipe.changed_for_writer.notify_all();
    }
  }
};

class InsideConnection final : public Connection {
 public:
  /// End `side` writes to pipe `side` and reads from the other.
  InsideConnection(std::shared_ptr<Link> link, size_t side, Address peer)
      : link_(std::move(link)),
        in_(link_->pipes[1 - side]),
        out_(link_->pipes[side]),
        peer_(std::move(peer)) {}

  ~InsideConnection() override {
    if (link_->is_reset) return;
    if (!in_.bytes.empty()) {
      link_->reset();  // As TCP does: the peer must learn that its bytes were not read.
      return;
    }
    in_.reader_gone = true;
    in_.changed_for_writer.notify_all();
    end_writing();
  }

  Task<Result<size_t>> read_some(std::span<uint8_t> into) override {
    VECTRON_ASSERT(!into.empty());
    while (true) {
      if (link_->is_reset) co_return was_reset();
      if (!in_.bytes.empty()) break;
      if (in_.write_ended) co_return size_t{0};
      auto changed = in_.changed_for_reader.wait();
      co_await changed;
    }
    const size_t count = in_.bytes.pop(into);
    in_.changed_for_writer.notify_all();
    co_return count;
  }

  Task<Result<size_t>> write_some(ByteView bytes) override {
    VECTRON_ASSERT(!bytes.empty());
    while (true) {
      if (link_->is_reset) co_return was_reset();
      if (out_.write_ended)
        co_return fail(Code::unavailable, "the writing side of the connection was shut");
      if (out_.reader_gone) co_return fail(Code::unavailable, "the peer closed the connection");
      if (!out_.bytes.full()) break;
      auto changed = out_.changed_for_writer.wait();
      co_await changed;
    }
    const size_t count = out_.bytes.push(bytes);
    out_.changed_for_reader.notify_all();
    co_return count;
  }

  void shutdown_write() override { end_writing(); }
  void close() override { link_->reset(); }
  const Address& peer() const override { return peer_; }

 private:
  void end_writing() {
    out_.write_ended = true;
    out_.changed_for_reader.notify_all();
    out_.changed_for_writer.notify_all();
  }
  static Result<size_t> was_reset() { return fail(Code::unavailable, "the connection was reset"); }

  std::shared_ptr<Link> link_;
  Pipe& in_;
  Pipe& out_;
  Address peer_;
};

/// Connections that nobody has accepted yet, of one listening address.
struct Backlog {
  explicit Backlog(Scheduler& scheduler) : arrived(scheduler), taken(scheduler) {}
  std::deque<std::unique_ptr<Connection>> connections;
  bool closed = false;
  Condition arrived;
  Condition taken;
};

/// "@name:port" taken apart. The port is -1 when it is not one.
struct InsideName {
  std::string host;
  int port = -1;
};
InsideName parse(const std::string& text) {
  InsideName name;
  const size_t colon = text.rfind(':');
  if (!text.starts_with('@') || colon == text.npos || colon < 2) return name;
  int port = -1;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || rest != end || port < 0 || port > 65535) return name;
  name.host = text.substr(0, colon);
  name.port = port;
  return name;
}

}  // namespace

/// Shared with listeners, which take themselves out of it.
struct InProcessNetwork::Registry {
  explicit Registry(Scheduler& scheduler_in) : scheduler(scheduler_in) {}

  Scheduler& scheduler;
  std::map<std::string, std::shared_ptr<Backlog>> listening;
  uint64_t next_port = 0;
  uint64_t connections_made = 0;

  std::string free_name(const std::string& host) {
    while (true) {
      // The range of ports that systems give out, so that chosen ones and given ones do not meet.
      std::string name = host + ":" + std::to_string(49152 + next_port++ % 16384);
      if (!listening.contains(name)) return name;
    }
  }
};

class InProcessNetwork::InsideListener final : public Listener {
 public:
  InsideListener(std::shared_ptr<Registry> registry, Address address)
      : registry_(std::move(registry)),
        address_(std::move(address)),
        backlog_(std::make_shared<Backlog>(registry_->scheduler)) {
    registry_->listening[address_.text] = backlog_;
  }
  ~InsideListener() override {
    registry_->listening.erase(address_.text);
    backlog_->closed = true;
    backlog_->taken.notify_all();
    for (const auto& connection : backlog_->connections) connection->close();
    backlog_->connections.clear();
  }

  Task<Result<std::unique_ptr<Connection>>> accept() override {
    while (backlog_->connections.empty()) {
      auto arrived = backlog_->arrived.wait();
      co_await arrived;
    }
    auto connection = std::move(backlog_->connections.front());
    backlog_->connections.pop_front();
    backlog_->taken.notify_all();
    co_return connection;
  }
  const Address& address() const override { return address_; }

 private:
  std::shared_ptr<Registry> registry_;
  Address address_;
  std::shared_ptr<Backlog> backlog_;
};

InProcessNetwork::InProcessNetwork(Scheduler& scheduler, Network* outside)
    : outside_(outside), registry_(std::make_shared<Registry>(scheduler)) {}

InProcessNetwork::~InProcessNetwork() = default;

Result<std::unique_ptr<Listener>> InProcessNetwork::listen(const Address& address) {
  if (!is_inside(address)) {
    if (outside_ != nullptr) return outside_->listen(address);
    return fail(Code::invalid_argument,
                "'" + address.text + "' is no address inside this process ('@name:port')");
  }
  const InsideName name = parse(address.text);
  if (name.port < 0)
    return fail(Code::invalid_argument,
                "'" + address.text + "' is not an address: '@name:port' is expected");
  const std::string full = name.port == 0 ? registry_->free_name(name.host) : address.text;
  if (registry_->listening.contains(full))
    return fail(Code::unavailable, "'" + full + "' is in use");
  return std::make_unique<InsideListener>(registry_, Address{full});
}

Task<Result<std::unique_ptr<Connection>>> InProcessNetwork::connect(Address address) {
  if (is_inside(address) || outside_ == nullptr) return connect_inside(std::move(address));
  return outside_->connect(std::move(address));
}

Task<Result<std::unique_ptr<Connection>>> InProcessNetwork::connect_inside(Address address) {
  const std::shared_ptr<Registry> registry = registry_;
  if (parse(address.text).port <= 0) {
    co_return fail(Code::invalid_argument,
                   "'" + address.text + "' is not an address: '@name:port' is expected");
  }
  const auto found = registry->listening.find(address.text);
  const std::shared_ptr<Backlog> backlog =
      found == registry->listening.end() ? nullptr : found->second;
  while (backlog != nullptr && !backlog->closed &&
         backlog->connections.size() >= kBacklogConnectionsMax) {
    auto taken = backlog->taken.wait();
    co_await taken;
  }
  if (backlog == nullptr || backlog->closed) {
    co_return fail(Code::unavailable,
                   "connection to '" + address.text + "' refused: " + std::string(kNobodyListens),
                   std::string(kRefusedField));
  }
  const auto link = std::make_shared<Link>(registry->scheduler);
  const Address caller{"@caller:" + std::to_string(++registry->connections_made)};
  backlog->connections.push_back(std::make_unique<InsideConnection>(link, 1, caller));
  backlog->arrived.notify_all();
  co_return std::make_unique<InsideConnection>(link, 0, std::move(address));
}

}  // namespace vectron
