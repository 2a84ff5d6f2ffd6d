// SimWorld: many nodes, their network and their disks in one thread, driven by one seed in virtual
// time.
//
// Who plays a plan owns one, adds nodes, starts their processes, injects the scheduled faults and
// runs the world. All that is random comes from streams keyed by (seed, name), and every happening
// is folded into trace_hash(): the same seed and the same calls give the same hash. Worlds are
// independent; several may live in one process, one after another or at once, on one thread.
//
//   SimWorld world(seed, config);
//   SimNode& worker = world.add_node("worker-0", options);
//   worker.start([](Env& env) { return run_worker(env, make_config()); });
//   world.run_until(Instant(10s));
//   worker.crash(CrashKind::power_loss);
//
// To stop inside a task (a plan's driver), call crash(): a node whose frames may be on the stack
// dies when the running event has returned to the world.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/async/event_queue.h"
#include "core/async/task_group.h"
#include "core/base/random.h"
#include "sim/world/config.h"
#include "sim/world/fault_counters.h"
#include "sim/world/network.h"
#include "sim/world/node.h"
#include "sim/world/tie_scheduler.h"

namespace vectron::sim {

class SimWorld {
 public:
  /// Aborts the process when the key-value library's file calls are not seen by the interposers
  /// (once for each process a probe commit is made): without them a power loss would be a fiction.
  SimWorld(uint64_t seed, WorldConfig config);
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;
  ~SimWorld();
  /// Ends the driver and every process, for owners of what processes refer to. Nothing runs
  /// afterwards.
  void stop_all();

  uint64_t seed() const { return seed_; }
  const WorldConfig& config() const { return config_; }
  EventQueue& queue() { return queue_; }
  Instant now() const { return queue_.now(); }
  uint64_t events_run() const { return queue_.events_run(); }

  /// For tasks that belong to no node: a plan's driver. `driver()` is destroyed before the nodes.
  Scheduler& scheduler() { return scheduler_; }
  TaskGroup& driver() { return driver_; }
  RandomStream random(std::string_view name) const { return RandomStream(seed_, name); }

  /// Adds a machine with an empty disk and nothing running on it. Requires: the name is new.
  SimNode& add_node(std::string name, NodeOptions options = {});
  /// Null when there is none of that name.
  SimNode* find_node(std::string_view name);
  std::span<const std::unique_ptr<SimNode>> nodes() const { return nodes_; }
  SimNetwork& network() { return *network_; }

  /// Crashes every running node of `zone` (of all zones when empty) at once: fault class kill_all.
  /// Returns how many.
  size_t kill_all(std::string_view zone, CrashKind kind);

  /// Runs one event, then buries the nodes that died in it. False when nothing is left to happen.
  bool step();
  /// Runs all events up to and including `until`; the clock then stands at `until`.
  void run_until(Instant until);
  void run_for(Duration duration) { run_until(now() + duration); }
  /// Runs until `done` (asked before the first event and after each) or until nothing is left to
  /// happen before `limit`. Returns whether it became true.
  bool run_until(const std::function<bool()>& done, Instant limit);

  /// Folds `value` into the trace: for state transitions and outcomes that the world does not see
  /// itself.
  void trace(uint64_t value) { record(TraceKind::explicit_value, value, 0); }
  void trace(ByteView bytes) { trace(hash64(bytes)); }
  const TraceHash& trace_hash() const { return trace_hash_; }

  const FaultCounters& faults() const { return fault_counters_; }
  bool fault_enabled(FaultClass fault_class) const {
    return config_.fault_classes.contains(fault_class);
  }

  // For the parts of the world.

  void loop_was_held(const SimNode& node, Duration turn) const;
  /// Counts a fault that changed an outcome.
  void fault_fired(FaultClass fault_class);
  void record(TraceKind kind, uint64_t a, uint64_t b);
  /// Whether an event runs at this moment, so that frames may be on the stack.
  bool dispatching() const { return dispatching_; }
  void bury_soon(SimNode* node) { dying_.push_back(node); }
  /// The world's folder on tmpfs, for the real directories of key-value stores.
  const std::string& real_folder() const { return real_folder_; }

 private:
  void run_next_event();
  void bury();

  const uint64_t seed_;
  const WorldConfig config_;
  EventQueue queue_;
  TraceHash trace_hash_;
  FaultCounters fault_counters_;
  TieScheduler scheduler_;
  std::string real_folder_;
  std::unique_ptr<SimNetwork> network_;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  /// Nodes that die when the running event has returned.
  std::vector<SimNode*> dying_;
  bool dispatching_ = false;
  uint64_t events_at_instant_ = 0;
  TaskGroup driver_;
};

}  // namespace vectron::sim
