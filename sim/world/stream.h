// Stream: one connection between two machines, as the wires and both kernels see it.
//
// Side 0 called connect, side 1 accepted. A Pipe carries the bytes of one direction: sent, then
// delivered (a reader can have them), then read. One event delivers all that is due, and resumes a
// waiting reader itself, so a small message costs one append and one event. Owned by SimNetwork
// while it can still matter to anyone, and by the SimConnections at its ends. Single-threaded.
#pragma once

#include <array>
#include <coroutine>
#include <deque>
#include <memory>

#include "core/async/event_queue.h"
#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/env/network.h"
#include "sim/world/network.h"

namespace vectron::sim {

/// A read or a write that waits. `slot` points at it for as long as it does.
class StreamWait final : public QueuedEvent {
 public:
  explicit StreamWait(StreamWait** slot) : slot_(slot) {}
  ~StreamWait() override {
    if (*slot_ == this) *slot_ = nullptr;
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    VECTRON_ASSERT(*slot_ == nullptr, "one read and one write of a connection at a time");
    handle_ = handle;
    *slot_ = this;
  }
  void await_resume() const noexcept {}

  /// Goes on with the waiter, on this stack.
  void resume() {
    cancel();
    *slot_ = nullptr;
    handle_.resume();
  }

 protected:
  void fire() override { resume(); }

 private:
  StreamWait** slot_;
  std::coroutine_handle<> handle_;
};

/// A first-in-first-out queue of bytes in one piece.
class ByteQueue {
 public:
  size_t size() const { return bytes_.size() - head_; }
  ByteView view() const { return ByteView(bytes_).subspan(head_); }
  void append(ByteView bytes) {
    if (head_ > kCompactBytes) {
      bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<ptrdiff_t>(head_));
      head_ = 0;
    }
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }
  void consume(size_t size) {
    head_ += size;
    if (head_ == bytes_.size()) clear();
  }
  void clear() {
    bytes_.clear();
    head_ = 0;
  }

 private:
  static constexpr size_t kCompactBytes = 65'536;
  Bytes bytes_;
  size_t head_ = 0;
};

/// The state of a stream as the process on one side knows it.
enum class SideState : uint8_t {
  open,
  /// Its process gave it up; the kernel still sends what was written.
  closed,
  /// Dead: every call fails.
  reset,
  /// Its machine lost power and knows nothing of it.
  vanished,
};

class Stream final : public std::enable_shared_from_this<Stream> {
 public:
  struct End {
    size_t node = 0;
    Address address;
  };
  Stream(SimNetwork* network, uint64_t id, End client, End server);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  uint64_t id() const { return id_; }
  size_t node(int side) const { return sides_[side].end.node; }
  const Address& address(int side) const { return sides_[side].end.address; }
  SideState state(int side) const { return sides_[side].state; }

  // Calls of a process to its side.

  /// `scheduler` wakes the waiters of this side.
  void attach(int side, Scheduler* scheduler) { sides_[side].scheduler = scheduler; }
  /// Takes what is there. None: wait.
  std::optional<Result<size_t>> try_read(int side, std::span<uint8_t> into);
  /// Sends a part of `bytes`. None: no room, wait.
  std::optional<Result<size_t>> try_write(int side, ByteView bytes);
  StreamWait** reader_slot(int side) { return &sides_[side].reader; }
  StreamWait** writer_slot(int side) { return &sides_[side].writer; }
  void shutdown_write(int side);
  /// Resets the connection from this side.
  void close(int side);
  /// The process lets go of its side: the peer gets the rest and the end, or a reset when bytes
  /// were left unread.
  void release(int side);
  /// The side's machine lost power.
  void vanish(int side);

  // Calls of the network to the stream.

  /// This side is dead from now on; its waiters wake. Returns false when it was dead or given up
  /// already.
  bool die(int side);
  /// The direction from side `from` is open again.
  void reopen(int from);
  /// The machine of `side`, which had vanished, has power again.
  void power_restored(int side);

 private:
  struct Chunk {
    /// Position in the stream behind its last byte.
    uint64_t end;
    Instant at;
  };
  class Delivery final : public QueuedEvent {
   public:
    Delivery(Stream* stream, int from, void (Stream::*action)(int))
        : stream_(stream), from_(from), action_(action) {}

   protected:
    void fire() override {
      const std::shared_ptr<Stream> alive = stream_->shared_from_this();
      (stream_->*action_)(from_);
    }

   private:
    Stream* stream_;
    int from_;
    void (Stream::*action_)(int);
  };
  /// The direction from one side to the other.
  struct Pipe {
    Pipe(Stream* stream, int from)
        : delivery(stream, from, &Stream::deliver),
          acknowledgement(stream, from, &Stream::acknowledge),
          timeout(stream, from, &Stream::time_out) {}
    Link* link = nullptr;
    /// From `read` to `sent`.
    ByteQueue bytes;
    uint64_t sent = 0;
    uint64_t delivered = 0;
    uint64_t read = 0;
    /// Bytes that the writer knows to have been read.
    uint64_t acknowledged = 0;
    std::deque<Chunk> in_flight;
    /// Bytes do not overtake each other.
    Instant last_at{};
    /// No more will be written.
    bool end_sent = false;
    Instant end_at{};
    bool end_delivered = false;
    /// A reset is on its way behind the last byte: what is written later is lost.
    bool cut = false;
    Delivery delivery;
    Delivery acknowledgement;
    Delivery timeout;
  };
  struct Side {
    End end;
    SideState state = SideState::open;
    Scheduler* scheduler = nullptr;
    StreamWait* reader = nullptr;
    StreamWait* writer = nullptr;
  };

  Pipe& pipe_from(int side) { return side == 0 ? pipes_[0] : pipes_[1]; }
  size_t room(Pipe* pipe, int from);
  size_t shorten(Link* link, size_t size);
  std::optional<size_t> draw_cut(Link* link, size_t size);
  Instant arrival(Pipe* pipe);
  void arm(Pipe* pipe);
  void hold(Pipe* pipe, Instant until);
  void arm_timeout(Pipe* pipe);
  void send_reset(int to, Instant at);
  void send(Pipe* pipe, ByteView bytes);
  void begin_reset(int from);
  void deliver(int from);
  void hand_over(int from);
  void resume(int side, StreamWait* waiting);
  void acknowledge(int from);
  void time_out(int from);
  void reset_arrives(int from);
  bool dead_peer(int side) const;
  void wake(Side* side);
  void forget_if_done();

  SimNetwork& network_;
  const uint64_t id_;
  std::array<Side, 2> sides_;
  std::array<Pipe, 2> pipes_;
  /// By the side that sends it.
  std::array<Delivery, 2> resets_;
};

}  // namespace vectron::sim
