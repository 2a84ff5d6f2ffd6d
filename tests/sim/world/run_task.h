// Runs a task on a simulated node to its end, for tests.
#pragma once

#include <optional>
#include <stdexcept>

#include "sim/world/world.h"

namespace vectron::sim {

namespace detail {
template <typename T>
Task<void> keep(Task<T> task, std::optional<T>* out) {
  out->emplace(co_await task);
}
inline Task<void> keep_end(Task<void> task, bool* done) {
  co_await task;
  *done = true;
}
}  // namespace detail

/// Runs `task` on `node` (started when it does not run). None when the node died, or after `limit`.
template <typename T>
std::optional<T> try_run(SimNode& node, Task<T> task, Duration limit = 1000s) {
  std::optional<T> result;
  SimWorld& world = node.world();
  const uint64_t incarnation = node.incarnation();
  node.tasks().spawn(detail::keep(std::move(task), &result));
  world.run_until(
      [&] { return result.has_value() || !node.running() || node.incarnation() != incarnation; },
      world.now() + limit);
  return result;
}

template <typename T>
T run(SimNode& node, Task<T> task) {
  std::optional<T> result = try_run(node, std::move(task));
  if (!result.has_value()) throw std::runtime_error("the task did not end");
  return *std::move(result);
}

inline bool run(SimNode& node, Task<void> task) {
  bool done = false;
  SimWorld& world = node.world();
  node.tasks().spawn(detail::keep_end(std::move(task), &done));
  world.run_until([&] { return done || !node.running(); }, world.now() + 1000s);
  return done;
}

/// The value of a Result, or an exception with its status.
template <typename T>
T value(Result<T> result) {
  if (!result.has_value()) throw std::runtime_error(result.error().to_string());
  return *std::move(result);
}

}  // namespace vectron::sim
