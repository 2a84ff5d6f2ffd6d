#include "sim/world/node_network.h"

#include <fmt/format.h>

#include <charconv>
#include <deque>

#include "core/async/sync.h"
#include "core/env/refused.h"
#include "sim/world/stream.h"
#include "sim/world/world.h"

namespace vectron::sim {

/// A listener's queue, which an accept that outlives the Listener shares.
struct ListenerState {
  explicit ListenerState(Scheduler& scheduler) : changed(scheduler) {}
  SimNetwork* network = nullptr;
  std::pair<size_t, uint16_t> key;
  std::deque<std::shared_ptr<Stream>> pending;
  Condition changed;
  bool closed = false;

  void remove_from_network() { network->listeners_.erase(key); }
};

namespace {

constexpr Duration kSynRetry = 1s;
constexpr Duration kSynRetryMax = 32s;
constexpr Duration kNoDescriptorPause = 20ms;  // As in production.
constexpr Duration kConnectPatience = 127s;    // Linux gives up after six retries.

Task<Result<size_t>> read_stream(std::shared_ptr<Stream> stream, int side,
                                 std::span<uint8_t> into) {
  VECTRON_ASSERT(!into.empty());
  for (;;) {
    const std::optional<Result<size_t>> size = stream->try_read(side, into);
    if (size.has_value()) co_return *size;
    StreamWait wait(stream->reader_slot(side));
    co_await wait;
  }
}

Task<Result<size_t>> write_stream(std::shared_ptr<Stream> stream, int side, ByteView bytes) {
  VECTRON_ASSERT(!bytes.empty());
  for (;;) {
    const std::optional<Result<size_t>> size = stream->try_write(side, bytes);
    if (size.has_value()) co_return *size;
    StreamWait wait(stream->writer_slot(side));
    co_await wait;
  }
}

/// One side of a stream, for a process.
class SimConnection final : public Connection {
 public:
  SimConnection(NodeNetwork* network, std::shared_ptr<Stream> stream, int side)
      : network_(*network), stream_(std::move(stream)), side_(side) {
    stream_->attach(side_, &network_.scheduler());
  }
  ~SimConnection() override {
    if (network_.powered()) {
      stream_->release(side_);
    } else {
      stream_->vanish(side_);
    }
  }

  Task<Result<size_t>> read_some(std::span<uint8_t> into) override {
    return read_stream(stream_, side_, into);
  }
  Task<Result<size_t>> write_some(ByteView bytes) override {
    return write_stream(stream_, side_, bytes);
  }
  std::optional<Result<size_t>> try_write_some(ByteView bytes) override {
    VECTRON_ASSERT(!bytes.empty());
    return stream_->try_write(side_, bytes);
  }
  // Destructors may call these while the node dies; a machine without power sends nothing.
  void shutdown_write() override {
    if (network_.powered()) stream_->shutdown_write(side_);
  }
  void close() override {
    if (network_.powered()) stream_->close(side_);
  }
  const Address& peer() const override { return stream_->address(1 - side_); }

 private:
  NodeNetwork& network_;
  std::shared_ptr<Stream> stream_;
  const int side_;
};

Task<Result<std::unique_ptr<Connection>>> accept_from(NodeNetwork* network,
                                                      std::shared_ptr<ListenerState> state) {
  while (!state->closed) {
    if (state->pending.empty()) {
      co_await state->changed.wait();
    } else if (network->has_no_descriptor()) {
      // It stays in the backlog, and is taken when there is a descriptor for it.
      SleepAwaiter pause(network->scheduler(), network->scheduler().now() + kNoDescriptorPause);
      co_await pause;
    } else {
      break;
    }
  }
  if (state->closed) co_return fail(Code::unavailable, "the listener is closed");
  std::shared_ptr<Stream> stream = std::move(state->pending.front());
  state->pending.pop_front();
  std::unique_ptr<Connection> connection =
      std::make_unique<SimConnection>(network, std::move(stream), 1);
  co_return connection;
}

class SimListener final : public Listener {
 public:
  SimListener(NodeNetwork* network, std::shared_ptr<ListenerState> state, Address address)
      : network_(*network), state_(std::move(state)), address_(std::move(address)) {}
  ~SimListener() override {
    state_->closed = true;
    state_->remove_from_network();
    for (const std::shared_ptr<Stream>& stream : state_->pending) {
      if (network_.powered()) {
        stream->close(1);
      } else {
        stream->vanish(1);
      }
    }
    state_->pending.clear();
    state_->changed.notify_all();
  }

  Task<Result<std::unique_ptr<Connection>>> accept() override {
    return accept_from(&network_, state_);
  }
  const Address& address() const override { return address_; }

 private:
  NodeNetwork& network_;
  std::shared_ptr<ListenerState> state_;
  const Address address_;
};

}  // namespace

NodeNetwork::NodeNetwork(SimWorld* world, SimNetwork* network, SimNode* node, Scheduler* scheduler)
    : world_(*world), network_(*network), node_(*node), scheduler_(*scheduler) {}

Result<NodeNetwork::Target> NodeNetwork::resolve(const Address& address) const {
  const std::string_view text = address.text;
  const size_t colon = text.rfind(':');
  uint16_t port = 0;
  const std::string_view digits = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || colon == 0 || error != std::errc() ||
      end != digits.data() + digits.size()) {
    return fail(Code::invalid_argument,
                fmt::format("'{}' is not an address: write host:port", address.text));
  }
  const std::string_view host = text.substr(0, colon);
  const bool self = host == "localhost" || host == "127.0.0.1" || host == "0.0.0.0";
  if (self) return Target{node_.index(), port};
  const SimNode* node = world_.find_node(host);
  if (node == nullptr) {
    return fail(Code::unavailable, fmt::format("no host has the name '{}'", host));
  }
  return Target{node->index(), port};
}

Result<std::unique_ptr<Listener>> NodeNetwork::listen(const Address& address) {
  VECTRON_TRY(const Target target, resolve(address));
  if (target.node != node_.index()) {
    return fail(Code::unavailable,
                fmt::format("'{}' is not an address of this host", address.text));
  }
  const uint16_t port = target.port != 0 ? target.port : network_.next_port(target.node);
  auto state = std::make_shared<ListenerState>(scheduler_);
  state->network = &network_;
  state->key = {target.node, port};
  if (!network_.listeners_.emplace(state->key, state.get()).second) {
    return fail(Code::unavailable, fmt::format("address '{}' is in use", address.text));
  }
  Address bound{fmt::format("{}:{}", node_.name(), port)};
  return std::make_unique<SimListener>(this, std::move(state), std::move(bound));
}

/// Whether packets pass both ways, and somebody is there to answer them.
bool NodeNetwork::reachable(size_t node) {
  const Instant now = world_.now();
  const Link& out = network_.link(node_.index(), node);
  const Link& back = network_.link(node, node_.index());
  if (out.partitioned_until > now || back.partitioned_until > now) {
    world_.fault_fired(FaultClass::partition);
    return false;
  }
  if (out.clogged_until > now || back.clogged_until > now) {
    world_.fault_fired(FaultClass::stall);
    return false;
  }
  if (out.hanging_until > now) {
    world_.fault_fired(FaultClass::connect);
    return false;
  }
  return !world_.nodes()[node]->powered_off();
}

std::unique_ptr<Connection> NodeNetwork::establish(ListenerState* listener, Target target) {
  Stream::End client{node_.index(),
                     {fmt::format("{}:{}", node_.name(), network_.next_port(node_.index()))}};
  Stream::End server{target.node,
                     {fmt::format("{}:{}", world_.nodes()[target.node]->name(), target.port)}};
  const uint64_t id = network_.next_stream_++;
  auto stream = std::make_shared<Stream>(&network_, id, std::move(client), std::move(server));
  network_.streams_.emplace(id, stream);
  listener->pending.push_back(stream);
  listener->changed.notify_all();
  return std::make_unique<SimConnection>(this, std::move(stream), 0);
}

bool NodeNetwork::has_no_descriptor() {
  return node_.disk().trouble().has_no_descriptor();
}

Task<Result<std::unique_ptr<Connection>>> NodeNetwork::connect(Address address) {
  const Result<Target> resolved = resolve(address);
  if (!resolved.has_value()) co_return fail(resolved.error());
  const Target target = *resolved;
  if (has_no_descriptor()) {
    co_return fail(Code::unavailable, fmt::format("cannot connect to '{}': too many open files "
                                                  "(EMFILE)",
                                                  address.text));
  }
  Link* out = &network_.link(node_.index(), target.node);
  Link* back = &network_.link(target.node, node_.index());
  const NetworkFaults& faults = network_.faults_;
  const bool hangs =
      !out->loopback && faults.hang_ppm != 0 && out->connect.chance_ppm(faults.hang_ppm);
  const bool refused =
      !out->loopback && faults.refuse_ppm != 0 && out->connect.chance_ppm(faults.refuse_ppm);
  if (hangs) world_.fault_fired(FaultClass::connect);
  const Instant give_up = world_.now() + kConnectPatience;
  Duration retry = kSynRetry;
  for (;;) {
    SleepAwaiter travel(scheduler_, world_.now() + out->latency);
    co_await travel;
    const auto found = network_.listeners_.find({target.node, target.port});
    const bool full = found != network_.listeners_.end() &&
                      found->second->pending.size() >= faults.backlog_connections_max;
    if (!hangs && !full && reachable(target.node)) break;
    if (world_.now() + retry > give_up) {
      co_return fail(Code::unavailable, fmt::format("connecting to '{}' timed out", address.text));
    }
    SleepAwaiter again(scheduler_, world_.now() + retry);
    co_await again;
    retry = std::min(retry * 2, kSynRetryMax);
  }
  const bool refusing = refused || out->refusing_until > world_.now();
  if (refusing) world_.fault_fired(FaultClass::connect);
  const auto found = network_.listeners_.find({target.node, target.port});
  std::unique_ptr<Connection> connection;
  if (!refusing && found != network_.listeners_.end()) {
    connection = establish(found->second, target);
  }
  SleepAwaiter answer(scheduler_, world_.now() + back->latency);
  co_await answer;
  if (connection == nullptr) {
    co_return fail(Code::unavailable,
                   fmt::format("'{}' refused the connection: {}", address.text, kNobodyListens),
                   std::string(kRefusedField));
  }
  co_return connection;
}

}  // namespace vectron::sim
