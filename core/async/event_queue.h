// The heap of everything that is due to happen on one thread: the heart of both worlds.
//
// In simulation one EventQueue drives the whole cluster and its clock jumps to the next event; in
// production each event loop owns one, whose clock follows the machine (net/event_loop.h). Events
// are ordered by (time, tie, sequence): the tie is drawn from a seeded stream in simulation and
// zero in production, where order is then first in, first out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "core/base/time.h"

namespace vectron {

class EventQueue;

/// Something that an EventQueue runs once at its time. Destroying it takes it out of the queue, so
/// an awaiter that is an Event never fires after its frame is gone. Not movable: the queue holds
/// its address.
class QueuedEvent {
 public:
  QueuedEvent() = default;
  QueuedEvent(const QueuedEvent&) = delete;
  QueuedEvent& operator=(const QueuedEvent&) = delete;
  virtual ~QueuedEvent() { cancel(); }

  bool queued() const { return queue_ != nullptr; }
  /// Takes the event out of its queue. Does nothing when it is in none. O(1).
  void cancel();

 protected:
  /// Runs with the event already out of the queue; it may queue itself again, or destroy itself.
  virtual void fire() = 0;

 private:
  friend class EventQueue;
  EventQueue* queue_ = nullptr;
  uint32_t slot_ = 0;
};

/// See the top of this file. Single-threaded.
class EventQueue {
 public:
  EventQueue() = default;
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;
  ~EventQueue();

  /// The time of the event that runs now (or that ran last).
  Instant now() const { return now_; }
  /// Moves the clock forward; never back. Production calls it with the machine's clock before it
  /// runs what is due.
  void advance_to(Instant now);

  /// Queues `event` for `when` (or for now, if that has passed), on behalf of `owner` (0: of
  /// nobody). Requires: it is not queued.
  void add(QueuedEvent& event, Instant when, uint64_t tie, uint32_t owner = 0);

  /// From now on the events of `owner` do not run when they are due: they wait, in their order,
  /// until let_go(). What a paused process is made of; only the simulation holds anybody. Requires:
  /// owner > 0, not held.
  void hold(uint32_t owner);
  /// The events of `owner` run again; what was due meanwhile runs now, in the order in which it
  /// was due. Returns how many events that are. Requires: held.
  size_t let_go(uint32_t owner);
  bool is_held(uint32_t owner) const { return !held_.empty() && held_.contains(owner); }

  /// The time of the next event, or kNever. Amortised O(1).
  Instant next_time() {
    const Heap* heap = next_heap();
    if (heap == nullptr) return kNever;
    return std::max(now_, Instant(Duration(heap->front().time)));
  }
  /// Takes the next event out, moves the clock to its time and runs it. Requires: next_time() !=
  /// kNever.
  void run_next();

  uint64_t events_run() const { return events_run_; }
  size_t size() const { return live_; }
  /// The sequence number and tie of the event that runs now: what a trace hash folds in.
  uint64_t running_sequence() const { return running_sequence_; }

 private:
  friend class QueuedEvent;
  struct Entry {
    int64_t time;
    uint64_t tie;
    uint64_t sequence;
    uint32_t slot;
    uint32_t generation;
    bool operator>(const Entry& other) const {
      if (time != other.time) return time > other.time;
      if (tie != other.tie) return tie > other.tie;
      return sequence > other.sequence;
    }
  };
  struct Slot {
    QueuedEvent* event = nullptr;
    uint32_t generation = 0;
    uint32_t owner = 0;
  };

  using Heap = std::vector<Entry>;

  void push(const Entry& entry);
  static void pop(Heap* heap);
  void release(uint32_t slot);
  bool is_cancelled(const Entry& entry) const {
    return slots_[entry.slot].generation != entry.generation;
  }
  /// Whether the top of `heap` may run.
  bool is_clear(const Heap& heap) const {
    return heap.empty() || (!is_cancelled(heap.front()) && held_.empty());
  }
  /// Takes what must not run off the top of `heap`.
  void clear_top(Heap* heap);
  /// Forgets the cancelled timers.
  void compact_timers();
  /// The heap whose top is the next event; null when nothing waits.
  Heap* next_heap() {
    if (!is_clear(due_)) clear_top(&due_);
    if (!is_clear(timers_)) clear_top(&timers_);
    if (due_.empty()) return timers_.empty() ? nullptr : &timers_;
    return timers_.empty() || timers_.front() > due_.front() ? &due_ : &timers_;
  }

  // Most events are due when they are queued and run soon afterwards: in a heap of their own they
  // do not travel through all the timers.
  /// Events that were due when they were queued.
  Heap due_;
  /// Events that were not due when they were queued; their time may have come since.
  Heap timers_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
  Instant now_{};
  uint64_t sequence_ = 0;
  uint64_t running_sequence_ = 0;
  uint64_t events_run_ = 0;
  size_t live_ = 0;
  /// By owner: what was due since hold().
  std::map<uint32_t, std::vector<Entry>> held_;
};

/// Kinds of work that wait for the end of a turn, in the order in which they run then.
enum class TurnEnd : uint8_t {
  /// Puts together what the turn made, for one of the next kind.
  gather,
  /// Hands all that was made to the system.
  send,
};

/// A node's way into its EventQueue: it draws the ties. One for each node, so that one node's
/// events do not move another's ties.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  virtual EventQueue& queue() = 0;
  /// Queues `event` behind everything that is already due.
  virtual void post(QueuedEvent& event) = 0;
  /// Queues `event` for `when`, a time of queue().now()'s clock.
  virtual void post_at(QueuedEvent& event, Instant when) = 0;
  /// Queues `event` behind all that is due now, and behind all that this makes due now: what a turn
  /// makes for one receiver goes out together.
  virtual void post_last(QueuedEvent& event, TurnEnd end) {
    queue().add(event, queue().now(), tie_of(end));
  }

  Instant now() { return queue().now(); }

 protected:
  /// Behind every tie that post() gives.
  static uint64_t tie_of(TurnEnd end) {
    return end == TurnEnd::gather ? UINT64_MAX - 1 : UINT64_MAX;
  }
};

}  // namespace vectron
