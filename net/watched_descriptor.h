// A non-blocking file descriptor whose readiness a coroutine can await: what sockets and signals
// are built on.
//
// Readiness only: the caller does its own read(2) or write(2) when it runs again, so no buffer of a
// coroutine is ever in the kernel's or Asio's hands, and a waiting coroutine can be destroyed at
// any time.
#pragma once

#include <array>
#include <coroutine>
#include <memory>

#include "core/async/event_queue.h"
#include "net/event_loop.h"

namespace vectron {

enum class Readiness : uint8_t { readable, writable };

/// Owns a descriptor. Belongs to its loop's thread.
class WatchedDescriptor {
  struct State;

 public:
  /// Takes `descriptor`, which must be open and non-blocking.
  WatchedDescriptor(EventLoop& loop, int descriptor);
  /// Nobody may be waiting for the descriptor that is moved.
  WatchedDescriptor(WatchedDescriptor&& other) noexcept = default;
  WatchedDescriptor& operator=(WatchedDescriptor&&) = delete;
  ~WatchedDescriptor();

  /// -1 after close().
  int descriptor() const;
  /// Closes the descriptor and wakes whoever waits.
  void close();

  /// Resumes when the descriptor may be ready (so the caller tries again, and waits again on
  /// EAGAIN) or was closed.
  class Awaiter final : public QueuedEvent {
   public:
    Awaiter(std::shared_ptr<State> state, Readiness readiness)
        : state_(std::move(state)), readiness_(readiness) {}
    ~Awaiter() override;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle);
    void await_resume() const noexcept {}

   protected:
    void fire() override { handle_.resume(); }

   private:
    std::shared_ptr<State> state_;
    Readiness readiness_;
    std::coroutine_handle<> handle_;
  };
  /// Requires: nobody else waits for the same readiness of this descriptor.
  Awaiter ready(Readiness readiness) { return {state_, readiness}; }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace vectron
