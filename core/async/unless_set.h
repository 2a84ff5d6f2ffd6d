// unless_set: a task that is given up when an Event is set, as a node gives up its start when it is
// told to stop.
#pragma once

#include <optional>

#include "core/async/sync.h"
#include "core/async/task_group.h"

namespace vectron {

namespace detail {

template <typename T>
Task<void> keep_outcome(std::optional<T>* out, Condition* changed, Task<T> task) {
  T outcome = co_await task;
  out->emplace(std::move(outcome));
  changed->notify_all();
}

inline Task<void> notify_when_set(Event* event, Condition* changed) {
  co_await event->wait();
  changed->notify_all();
}

}  // namespace detail

/// Runs `task` until `event` (which may be null: never) is set. Empty when that came first; the
/// task has then been destroyed where it stood. `event` outlives it.
template <typename T>
Task<std::optional<T>> unless_set(Scheduler* scheduler, Event* event, Task<T> task) {
  std::optional<T> outcome;
  Condition changed(*scheduler);
  TaskGroup racers(*scheduler);
  if (event != nullptr) racers.spawn(detail::notify_when_set(event, &changed));
  racers.spawn(detail::keep_outcome(&outcome, &changed, std::move(task)));
  while (!outcome.has_value() && (event == nullptr || !event->is_set())) {
    co_await changed.wait();
  }
  racers.cancel_all();
  co_return outcome;
}

}  // namespace vectron
