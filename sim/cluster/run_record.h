// What a run writes down while it goes on: the history, the violations, and the counters that make
// names unique.
//
// One for each run, owned by it; clients, probes and watchers of all nodes share it (everything is
// one thread).
#pragma once

#include "core/base/hash.h"
#include "sim/history/history.h"
#include "sim/oracle/incarnations.h"
#include "sim/oracle/violation.h"
#include "sim/world/world.h"

namespace vectron::sim {

/// What a run must show of operations to be judged.
inline constexpr uint64_t kOperationsMin = 1'000;
/// Plans that ask for fewer arrivals than this are a person's experiments, and need not reach
/// kOperationsMin.
inline constexpr uint64_t kArrivalsForMin = 1'500;

struct RunRecord {
  explicit RunRecord(SimWorld* the_world) : world(*the_world) {}

  SimWorld& world;
  History history;
  ViolationLog violations;
  /// Of collections.
  std::vector<LifeEvent> lives;
  /// Of the probes after the workload, given out from 1 on; arrivals have value_of_arrival().
  ValueNumber last_value = 0;
  uint64_t last_request = 0;

  size_t begin_life(LifeEvent event) {
    event.invoke_order = history.next_order();
    lives.push_back(std::move(event));
    return lives.size() - 1;
  }
  /// Ends an event with what the client was told.
  void end_life(size_t position, const LifeEvent& answer) {
    LifeEvent& event = lives[position];
    event.return_order = history.next_order();
    event.outcome = answer.outcome;
    event.status = answer.status;
    event.id = answer.id;
    event.complete = answer.complete;
    world.trace(mix64(position) ^ mix64(event.id) ^ static_cast<uint64_t>(event.outcome));
  }

  size_t begin(Operation operation) { return history.begin(std::move(operation), world.now()); }
  /// Ends an operation, and folds what the client saw into the trace.
  void end(size_t position, Outcome outcome) {
    history.end(position, outcome, world.now());
    const Operation& operation = history.at(position);
    world.trace(mix64(position) ^ mix64(operation.value) ^ static_cast<uint64_t>(outcome));
    world.trace(operation.version);
  }
};

}  // namespace vectron::sim
