// The production event loop: one thread that runs a node's logic, its timers and its sockets.
//
// It owns an EventQueue and an Asio io_context and bridges them: a turn runs what is due, arms one
// timer for what comes next, and waits in the io_context. A socket that becomes ready, or a
// function posted by another thread, only queues its waiter, which runs in the same turn. Several
// nodes may share one loop. Everything here belongs to the thread that calls run(), except stop()
// and post_from_thread().
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "core/async/event_queue.h"
#include "net/loop_turns.h"

namespace vectron {

/// Work that either the loop does itself or another thread, whichever comes to it first.
class IdleWork {
 public:
  virtual ~IdleWork() = default;
  /// On the loop's thread, which has nothing else to do.
  virtual void run_here() = 0;
  /// The loop has too much to do: gives the work to somebody else.
  virtual void run_elsewhere() = 0;
};

class EventLoop {
 public:
  /// A loop that stays busy for so many turns gives idle work away.
  static constexpr int kIdleWorkTurnsMax = 4;
  /// How long a loop looks for more before it lets its thread sleep, at most, and only while that
  /// pays: waking a thread takes a processor that sleeps longer than a request takes.
  static constexpr Duration kSpinTimeMax = std::chrono::microseconds(150);
  /// A turn that has taken so long ends with the event that it is at, whatever else is due: sockets
  /// and other threads get a look.
  static constexpr Duration kTurnTimeMax = std::chrono::milliseconds(1);

  EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  /// Functions posted and not yet run are destroyed without being run. Requires: no Env,
  /// Connection, Listener or task of this loop is alive.
  ~EventLoop();

  /// Queues first in, first out.
  Scheduler& scheduler();

  /// Runs until stop() is called.
  void run();
  /// Runs until `done` returns true, which is asked after every turn, or until stop().
  void run_until(const std::function<bool()>& done);
  /// Makes run() return after its current turn; a stop before run() makes that one return at once.
  /// Thread-safe.
  void stop();
  /// Runs `function` on the loop's thread, soon; functions run in the order in which they were
  /// posted. Thread-safe. The queue has no bound of its own: each producer has one
  /// (Offload::jobs_in_flight_max).
  void post_from_thread(std::function<void()> function);

  /// Keeps `work` and calls one of its functions, once: run_here() as soon as nothing is due and no
  /// socket is ready, or run_elsewhere() after kIdleWorkTurnsMax turns. Returns it when there is
  /// other idle work already. Belongs to the loop's thread.
  std::unique_ptr<IdleWork> offer_idle(std::unique_ptr<IdleWork> work);
  /// Between these two some thread of this process computes for the loop, and the loop leaves it
  /// the cores: it does not spin. Belong to the loop's thread; may nest.
  void computing_elsewhere_begins();
  void computing_elsewhere_ends();

  /// How long its turns took so far, what they waited for left out. Belongs to the loop's thread.
  const LoopTurns& turns() const;

 private:
  friend class WatchedDescriptor;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The machine's CLOCK_MONOTONIC, which is the clock of every loop's scheduler.
Instant machine_monotonic();

}  // namespace vectron
