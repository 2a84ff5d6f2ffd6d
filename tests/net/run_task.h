// Runs a task on an event loop to its end, for tests.
#pragma once

#include <optional>

#include "core/async/task_group.h"
#include "net/event_loop.h"

namespace vectron {

/// Moves what `task` returns into `out`.
template <typename T>
Task<void> keep_result(Task<T> task, std::optional<T>* out) {
  T value = co_await task;
  out->emplace(std::move(value));
}

/// Runs `loop` until `task` has ended.
template <typename T>
T run_task(EventLoop& loop, Task<T> task) {
  std::optional<T> result;
  TaskGroup group(loop.scheduler());
  group.spawn(keep_result(std::move(task), &result));
  loop.run_until([&result] { return result.has_value(); });
  return *std::move(result);
}

}  // namespace vectron
