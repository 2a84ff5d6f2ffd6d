// MemoryNetwork: byte streams in memory, for tests of what lies above them. Deterministic, with the
// faults that a test asks for: short reads and writes, a reset at any byte, a dead peer that takes
// bytes for ever, refused and hanging connects.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "core/async/sync.h"
#include "core/env/network.h"

namespace vectron::testing {

/// What goes wrong on connections made from now on.
struct NetworkFaults {
  /// Of one read or write.
  size_t chunk_bytes_max = SIZE_MAX;
  /// On the way in one direction; more waits.
  size_t pipe_bytes_max = 1 << 20;
  bool refuse = false;
  bool hang = false;
  /// The connection is reset when so many bytes were sent in both directions together.
  size_t reset_after_bytes = SIZE_MAX;
};

/// Both directions of one connection. Side 0 connected, side 1 accepted.
struct Wire {
  Wire(Scheduler& scheduler, NetworkFaults f) : faults(f), changed(scheduler) {}

  struct Pipe {
    std::deque<uint8_t> bytes;
    bool ended = false;
  };

  void reset() {
    broken = true;
    changed.notify_all();
  }

  NetworkFaults faults;
  Pipe to_side[2];
  size_t bytes_sent = 0;
  size_t writes = 0;
  bool broken = false;
  /// Bytes vanish and nobody hears of it.
  bool half_open = false;
  Condition changed;
};

class MemoryConnection final : public Connection {
 public:
  MemoryConnection(std::shared_ptr<Wire> wire, int side, Address peer)
      : wire_(std::move(wire)), side_(side), peer_(std::move(peer)) {}
  ~MemoryConnection() override {
    if (!in().bytes.empty()) wire_->broken = true;
    out().ended = true;
    in().ended = true;
    wire_->changed.notify_all();
  }

  Task<Result<size_t>> read_some(std::span<uint8_t> into) override {
    VECTRON_ASSERT(!into.empty());
    while (in().bytes.empty() && !in().ended && !wire_->broken) co_await wire_->changed.wait();
    if (wire_->broken) co_return fail(Code::unavailable, "connection reset");
    const size_t count = std::min({into.size(), in().bytes.size(), wire_->faults.chunk_bytes_max});
    std::copy_n(in().bytes.begin(), count, into.begin());
    in().bytes.erase(in().bytes.begin(), in().bytes.begin() + static_cast<ptrdiff_t>(count));
    if (count > 0) wire_->changed.notify_all();
    co_return count;
  }

  Task<Result<size_t>> write_some(ByteView bytes) override {
    VECTRON_ASSERT(!bytes.empty());
    while (out().bytes.size() >= wire_->faults.pipe_bytes_max && !wire_->broken && !out().ended) {
      co_await wire_->changed.wait();
    }
    if (wire_->broken || out().ended) co_return fail(Code::unavailable, "connection reset");
    const size_t room = wire_->faults.pipe_bytes_max - out().bytes.size();
    const size_t left = wire_->faults.reset_after_bytes - wire_->bytes_sent;
    const size_t count = std::min({bytes.size(), room, wire_->faults.chunk_bytes_max, left});
    wire_->bytes_sent += count;
    ++wire_->writes;
    if (!wire_->half_open) {
      out().bytes.insert(out().bytes.end(), bytes.begin(),
                         bytes.begin() + static_cast<ptrdiff_t>(count));
    }
    wire_->changed.notify_all();
    if (count == 0) {
      wire_->reset();
      co_return fail(Code::unavailable, "connection reset");
    }
    co_return count;
  }

  void shutdown_write() override {
    out().ended = true;
    wire_->changed.notify_all();
  }
  void close() override { wire_->reset(); }
  const Address& peer() const override { return peer_; }

 private:
  Wire::Pipe& in() { return wire_->to_side[side_]; }
  Wire::Pipe& out() { return wire_->to_side[1 - side_]; }

  std::shared_ptr<Wire> wire_;
  int side_;
  Address peer_;
};

class MemoryNetwork final : public Network {
 public:
  explicit MemoryNetwork(Scheduler& scheduler) : scheduler_(scheduler) {}

  Result<std::unique_ptr<Listener>> listen(const Address& address) override;
  Task<Result<std::unique_ptr<Connection>>> connect(Address address) override;

  NetworkFaults faults;
  size_t connects = 0;
  /// Of all connections ever made, oldest first.
  std::deque<std::weak_ptr<Wire>> wires;

  /// The newest connection's wire. Requires: it lives.
  std::shared_ptr<Wire> wire() { return wires.back().lock(); }

 private:
  struct Waiting {
    explicit Waiting(Scheduler& scheduler) : changed(scheduler) {}
    std::deque<std::unique_ptr<Connection>> connections;
    Condition changed;
  };
  class MemoryListener;

  Scheduler& scheduler_;
  std::map<Address, Waiting*> listeners_;
};

class MemoryNetwork::MemoryListener final : public Listener {
 public:
  MemoryListener(MemoryNetwork& network, Address address)
      : network_(network), address_(std::move(address)), waiting_(network.scheduler_) {
    network_.listeners_[address_] = &waiting_;
  }
  ~MemoryListener() override { network_.listeners_.erase(address_); }

  Task<Result<std::unique_ptr<Connection>>> accept() override {
    while (waiting_.connections.empty()) co_await waiting_.changed.wait();
    auto connection = std::move(waiting_.connections.front());
    waiting_.connections.pop_front();
    co_return connection;
  }
  const Address& address() const override { return address_; }

 private:
  MemoryNetwork& network_;
  Address address_;
  Waiting waiting_;
};

inline Result<std::unique_ptr<Listener>> MemoryNetwork::listen(const Address& address) {
  if (listeners_.contains(address)) return fail(Code::unavailable, "address in use");
  return std::make_unique<MemoryListener>(*this, address);
}

inline Task<Result<std::unique_ptr<Connection>>> MemoryNetwork::connect(Address address) {
  ++connects;
  if (faults.hang) {
    Event never(scheduler_);
    co_await never.wait();
  }
  const auto found = listeners_.find(address);
  if (faults.refuse || found == listeners_.end()) {
    co_return fail(Code::unavailable, "connection refused");
  }
  auto wire = std::make_shared<Wire>(scheduler_, faults);
  wires.push_back(wire);
  const Address from{"client:1"};
  found->second->connections.push_back(std::make_unique<MemoryConnection>(wire, 1, from));
  found->second->changed.notify_all();
  std::unique_ptr<Connection> mine = std::make_unique<MemoryConnection>(wire, 0, address);
  co_return mine;
}

}  // namespace vectron::testing
