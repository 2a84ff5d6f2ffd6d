// Combinators: a task with a deadline, and several tasks at once.
#pragma once

#include <optional>
#include <vector>

#include "core/async/event_queue.h"
#include "core/async/task.h"
#include "core/base/assert.h"

namespace vectron {

namespace detail {

template <typename T>
class DeadlineAwaiter final : public QueuedEvent {
 public:
  DeadlineAwaiter(Scheduler& scheduler, Instant when, Task<T>& task)
      : scheduler_(scheduler), when_(when), task_(task) {}

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) {
    parent_ = parent;
    if (when_ != kNever) scheduler_.post_at(*this, when_);
    task_.handle().promise().continuation = parent;
    return task_.handle();
  }
  std::optional<T> await_resume() {
    cancel();
    if (timed_out_) return std::nullopt;
    return task_.handle().promise().take();
  }

 protected:
  void fire() override {
    timed_out_ = true;
    task_.destroy();
    parent_.resume();
  }

 private:
  Scheduler& scheduler_;
  Instant when_;
  Task<T>& task_;
  std::coroutine_handle<> parent_;
  bool timed_out_ = false;
};

/// A coroutine that stays suspended at its end, so that its owner destroys it.
struct Branch {
  struct promise_type {
    std::coroutine_handle<> next = std::noop_coroutine();
    Branch get_return_object() {
      return Branch{std::coroutine_handle<promise_type>::from_promise(*this)};
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().next;
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_void() {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
  };

  explicit Branch(std::coroutine_handle<promise_type> h) : handle(h) {}
  Branch(Branch&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
  Branch& operator=(Branch&&) = delete;
  ~Branch() {
    if (handle) handle.destroy();
  }
  std::coroutine_handle<promise_type> handle;
};

template <typename T>
struct WhenAllState {
  std::vector<std::optional<T>> results;
  size_t remaining = 0;
  std::coroutine_handle<> parent;
};

struct CurrentBranch {
  std::coroutine_handle<Branch::promise_type> handle;
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<Branch::promise_type> self) noexcept {
    handle = self;
    return false;
  }
  Branch::promise_type& await_resume() const noexcept { return handle.promise(); }
};

template <typename T>
Branch run_branch(WhenAllState<T>* state, size_t index, Task<T> task) {
  state->results[index] = co_await task;
  if (--state->remaining == 0) {
    Branch::promise_type& self = co_await CurrentBranch{};
    self.next = state->parent;
  }
}

template <typename T>
struct WhenAllAwaiter {
  WhenAllState<T>& state;
  std::vector<Branch>& branches;

  bool await_ready() const noexcept { return branches.empty(); }
  bool await_suspend(std::coroutine_handle<> parent) {
    // One more than the branches, so that none of them resumes the parent while we still start
    // others.
    state.parent = parent;
    state.remaining = branches.size() + 1;
    for (Branch& branch : branches) branch.handle.resume();
    return --state.remaining != 0;
  }
  void await_resume() const noexcept {}
};

}  // namespace detail

/// Runs `task` until `deadline` (a time of the scheduler's clock; kNever for none). Empty when the
/// deadline came first; the task has then been destroyed where it stood.
template <typename T>
Task<std::optional<T>> with_deadline(Scheduler* scheduler, Instant deadline, Task<T> task) {
  detail::DeadlineAwaiter<T> awaiter(*scheduler, deadline, task);
  std::optional<T> result = co_await awaiter;
  co_return result;
}

/// Runs all tasks at once and waits for all of them; results in the order of the tasks.
template <typename T>
Task<std::vector<T>> when_all(std::vector<Task<T>> tasks) {
  detail::WhenAllState<T> state;
  state.results.resize(tasks.size());
  std::vector<detail::Branch> branches;
  branches.reserve(tasks.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    branches.push_back(detail::run_branch(&state, i, std::move(tasks[i])));
  }
  detail::WhenAllAwaiter<T> awaiter{state, branches};
  co_await awaiter;
  std::vector<T> results;
  results.reserve(state.results.size());
  for (std::optional<T>& result : state.results) {
    VECTRON_ASSERT(result.has_value());
    results.push_back(*std::move(result));
  }
  co_return results;
}

}  // namespace vectron
