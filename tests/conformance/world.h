// World: what the conformance suite knows of a world, production or simulated.
//
// The suite is one set of test bodies (clock, network, cpu, disk, key-value directories) that every
// Env must pass. A world implements World, then names the suites that it passes:
//
//   INSTANTIATE_TEST_SUITE_P(Production, NetworkConformance, testing::Values(kTcp), world_name);
//
// Bodies never sleep in real time, never name a port, and never assume that a wake-up takes no
// time. What they create on a node they spawn into tasks(node), or destroy before restart(node).
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "core/async/task_group.h"
#include "core/env/env.h"

namespace vectron::conformance {

/// How a node stops before it starts again.
enum class Stop : uint8_t {
  /// Tasks are destroyed, then the Env is closed and opened again.
  orderly,
  /// The process dies; what it wrote survives in the page cache.
  process_kill,
  /// Any subset of what was not synced is lost or torn.
  power_loss,
};

class World {
 public:
  virtual ~World() = default;

  /// Env of node `index`, started at first use. Valid until the node's next restart.
  virtual Env& node(size_t index) = 0;

  /// The tasks of node `index`. They are destroyed first when the node stops. Valid until then.
  virtual TaskGroup& tasks(size_t index) = 0;

  /// Runs all nodes until `done` returns true (asked after every turn) or `limit` of the world's
  /// own time has passed. Returns whether it became true.
  virtual bool run_until(const std::function<bool()>& done, Duration limit) = 0;

  /// An address at which node `index` can listen, with port 0.
  virtual Address free_address(size_t index) = 0;

  /// True when Cpu and BlockingDirectory work runs beside the loop, so that it may wait for
  /// something that the loop does. In simulation work runs inline and atomically, and must not.
  virtual bool work_runs_beside_loop() const = 0;

  virtual bool can_stop(Stop how) const = 0;
  /// Stops node `index` and starts it again on the same disk. Requires: can_stop(how), and nothing
  /// of the node outside tasks(index) is alive.
  virtual void restart(size_t index, Stop how) = 0;
};

/// A world by name, for INSTANTIATE_TEST_SUITE_P.
struct WorldKind {
  const char* name;
  std::unique_ptr<World> (*make)();
};
inline std::string world_name(const testing::TestParamInfo<WorldKind>& info) {
  return info.param.name;
}

/// Fixture of all suites. Each test gets a fresh world.
class Conformance : public testing::TestWithParam<WorldKind> {
 public:
  World& world() { return *world_; }
  Env& env(size_t node = 0) { return world_->node(node); }
  bool run_until(const std::function<bool()>& done, Duration limit = kPatience) {
    return world_->run_until(done, limit);
  }

  /// Runs `task` as a task of `node` to its end and returns its value. Throws when that takes
  /// longer than kPatience.
  template <typename T>
  T run(Task<T> task, size_t node = 0) {
    std::optional<T> value;
    finish(node, keep_value(std::move(task), &value), [&value] { return value.has_value(); });
    return *std::move(value);
  }
  void run(Task<void> task, size_t node = 0) {
    bool done = false;
    finish(node, keep_done(std::move(task), &done), [&done] { return done; });
  }

  /// More of the world's time than any test needs.
  static constexpr Duration kPatience = 60s;

 private:
  template <typename T>
  static Task<void> keep_value(Task<T> task, std::optional<T>* value) {
    value->emplace(co_await task);
  }
  static Task<void> keep_done(Task<void> task, bool* done) {
    co_await task;
    *done = true;
  }
  void finish(size_t node, Task<void> task, const std::function<bool()>& done) {
    TaskGroup& tasks = world_->tasks(node);
    const TaskGroup::TaskNumber number = tasks.spawn(std::move(task));
    if (world_->run_until(done, kPatience)) return;
    tasks.cancel(number);
    throw std::runtime_error("the task did not end within the test's patience");
  }

  std::unique_ptr<World> world_ = GetParam().make();
};

class ClockConformance : public Conformance {};
class NetworkConformance : public Conformance {};
class CpuConformance : public Conformance {};
class DiskConformance : public Conformance {};
class KvDirectoryConformance : public Conformance {};

}  // namespace vectron::conformance
