// A small service that uses every part of its Env all the time: what crashes and determinism are
// tested on.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/env/env.h"
#include "sim/world/world.h"

namespace vectron::sim {

struct BusyConfig {
  /// Names of all nodes; each listens on port 7.
  std::vector<std::string> peers;
};

/// What survives the processes of a node: what they know to be durable.
struct BusyLedger {
  /// Records of the file `log`.
  uint64_t log_synced = 0;
  /// The counter in the store.
  uint64_t kv_committed = 0;
  uint64_t answers = 0;
  /// File and store exist durably.
  bool opened = false;
  std::vector<std::string> violations;
};

/// Recovers, checks what `ledger` promises, then appends, commits, computes and talks for ever.
Task<void> run_busy(Env* env, BusyConfig config, BusyLedger* ledger);

/// A world of `count` busy nodes.
struct BusyCluster {
  BusyCluster(uint64_t seed, WorldConfig config, size_t count);
  void start(SimNode* node);
  std::vector<std::unique_ptr<BusyLedger>> ledgers;  // Before the world, whose nodes use them.
  SimWorld world;
};

/// The faults of a rough day.
WorldConfig rough_config();

}  // namespace vectron::sim
