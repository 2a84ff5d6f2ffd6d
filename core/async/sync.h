// What tasks of one thread wait on: Event, Condition, Semaphore, Completion, Channel, and sleeping.
//
// Every wake-up goes through the Scheduler: set(), notify(), release() and push() never run the
// waiter inline, so they may be called from anywhere. A waiter whose frame is destroyed takes
// itself off the list.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "core/async/event_queue.h"
#include "core/async/task.h"
#include "core/base/assert.h"

namespace vectron {

class WaitList;

/// One waiting coroutine. It is a member of WaitList until woken, then queued at the scheduler
/// until it runs.
class Waiter final : public QueuedEvent {
 public:
  explicit Waiter(WaitList& list) : list_(&list) {}
  ~Waiter() override;

  void suspend(std::coroutine_handle<> handle);

 protected:
  void fire() override { handle_.resume(); }

 private:
  friend class WaitList;
  std::coroutine_handle<> handle_;
  WaitList* list_;
  Waiter* previous_ = nullptr;
  Waiter* next_ = nullptr;
  bool linked_ = false;
};

/// A first-in-first-out list of waiters. The building block of the classes below.
class WaitList {
 public:
  explicit WaitList(Scheduler& scheduler) : scheduler_(scheduler) {}
  WaitList(const WaitList&) = delete;
  WaitList& operator=(const WaitList&) = delete;
  ~WaitList();

  bool empty() const { return first_ == nullptr; }
  /// Wakes the waiter that waits longest; returns whether there was one.
  bool wake_one();
  void wake_all();
  Scheduler& scheduler() { return scheduler_; }

 private:
  friend class Waiter;
  void link(Waiter& waiter);
  void unlink(Waiter& waiter);

  Scheduler& scheduler_;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

/// Latched: once set, every wait returns at once, until reset.
class Event {
 public:
  explicit Event(Scheduler& scheduler) : waiters_(scheduler) {}

  bool is_set() const { return set_; }
  void set() {
    set_ = true;
    waiters_.wake_all();
  }
  void reset() { set_ = false; }

  struct Awaiter {
    Event& event;
    Waiter waiter{event.waiters_};
    bool await_ready() const noexcept { return event.set_; }
    void await_suspend(std::coroutine_handle<> handle) { waiter.suspend(handle); }
    void await_resume() const noexcept {}
  };
  Awaiter wait() { return {*this}; }

 private:
  bool set_ = false;
  WaitList waiters_;
};

/// Not latched: a wait lasts until the next notify. The waiter tests its own predicate again in a
/// loop.
class Condition {
 public:
  explicit Condition(Scheduler& scheduler) : waiters_(scheduler) {}

  void notify_all() { waiters_.wake_all(); }
  bool notify_one() { return waiters_.wake_one(); }

  struct Awaiter {
    Condition& condition;
    Waiter waiter{condition.waiters_};
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle) { waiter.suspend(handle); }
    void await_resume() const noexcept {}
  };
  Awaiter wait() { return {*this}; }

 private:
  WaitList waiters_;
};

/// A counted number of permits. acquire() waits; the permit returns when the Permit is destroyed.
class Semaphore {
 public:
  class Permit {
   public:
    Permit() = default;
    explicit Permit(Semaphore* owner) : owner_(owner) {}
    Permit(Permit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(owner_, other.owner_);
      return *this;
    }
    ~Permit() {
      if (owner_ != nullptr) owner_->release();
    }

   private:
    Semaphore* owner_ = nullptr;
  };

  Semaphore(Scheduler& scheduler, size_t permits) : free_(permits), freed_(scheduler) {}

  Task<Permit> acquire();
  size_t free() const { return free_; }

 private:
  void release();

  size_t free_;
  Condition freed_;
};

/// A value that arrives once. One side sets it, any number of tasks wait for it; usually shared by
/// shared_ptr.
template <typename T>
class Completion {
 public:
  explicit Completion(Scheduler& scheduler) : event_(scheduler) {}

  bool is_set() const { return event_.is_set(); }
  /// Sets the value; a second call does nothing.
  void set(T value) {
    if (is_set()) return;
    value_.emplace(std::move(value));
    event_.set();
  }
  /// Requires: is_set().
  const T& get() const {
    VECTRON_ASSERT(value_.has_value());
    return *value_;
  }
  /// Requires: is_set(), and no take() before.
  T take() {
    VECTRON_ASSERT(value_.has_value());
    return *std::move(value_);
  }
  Event::Awaiter wait() { return event_.wait(); }

 private:
  std::optional<T> value_;
  Event event_;
};

/// A bounded first-in-first-out queue between tasks.
template <typename T>
class Channel {
 public:
  Channel(Scheduler& scheduler, size_t items_max)
      : items_max_(items_max), not_empty_(scheduler), not_full_(scheduler) {}

  size_t size() const { return items_.size(); }
  bool closed() const { return closed_; }

  /// Puts `item` in, unless the channel is full or closed; returns whether it did.
  bool try_push(T item) {
    if (closed_ || items_.size() >= items_max_) return false;
    items_.push_back(std::move(item));
    not_empty_.notify_all();  // notify_one could wake a waiter that is destroyed before it runs.
    return true;
  }
  /// Waits for room. False when the channel is closed.
  Task<bool> push(T item) {
    while (!closed_ && items_.size() >= items_max_) co_await not_full_.wait();
    co_return try_push(std::move(item));
  }
  std::optional<T> try_pop() {
    if (items_.empty()) return std::nullopt;
    std::optional<T> item = std::move(items_.front());
    items_.pop_front();
    not_full_.notify_all();
    return item;
  }
  /// Waits for an item. Empty when the channel is closed and drained.
  Task<std::optional<T>> pop() {
    while (items_.empty() && !closed_) co_await not_empty_.wait();
    co_return try_pop();
  }
  /// No further item goes in; those inside can still be taken out.
  void close() {
    closed_ = true;
    not_empty_.notify_all();
    not_full_.notify_all();
  }

 private:
  size_t items_max_;
  std::deque<T> items_;
  bool closed_ = false;
  Condition not_empty_;
  Condition not_full_;
};

/// Awaits a time of the scheduler's clock (core/env/clock.h turns a node's own time into it).
class SleepAwaiter final : public QueuedEvent {
 public:
  SleepAwaiter(Scheduler& scheduler, Instant when) : scheduler_(scheduler), when_(when) {}
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    scheduler_.post_at(*this, when_);
  }
  void await_resume() const noexcept {}

 protected:
  void fire() override { handle_.resume(); }

 private:
  Scheduler& scheduler_;
  Instant when_;
  std::coroutine_handle<> handle_;
};

}  // namespace vectron
