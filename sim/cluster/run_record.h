// What a run writes down while it goes on: the history, the violations, and the counters that make
// names unique.
//
// One for each run, owned by it; clients, probes and watchers of all nodes share it (everything is
// one thread).
#pragma once

#include "core/base/hash.h"
#include "sim/history/history.h"
#include "sim/oracle/violation.h"
#include "sim/world/world.h"

namespace vectron::sim {

struct RunRecord {
  explicit RunRecord(SimWorld* the_world) : world(*the_world) {}

  SimWorld& world;
  History history;
  ViolationLog violations;
  /// Of the probes after the workload, given out from 1 on; arrivals have value_of_arrival().
  ValueNumber last_value = 0;
  uint64_t last_request = 0;

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
