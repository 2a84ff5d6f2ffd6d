// The placement driver: knows the workers and the collections, and decides which worker holds what.
//
// A Raft group of 1, 3 or 5 nodes; the leader answers. One task on each node's Env, in production
// and in simulation.
#pragma once

#include "services/node/node_config.h"
#include "services/placement/placement_bounds.h"

namespace vectron {

/// The Raft group of every placement driver; no shard ever has this id.
inline constexpr GroupId kPlacementGroup{uint64_t{1} << 62};

/// All that a node of the placement driver must be told.
struct PlacementConfig : GroupNodeConfig {
  /// Workers on record. Where there are as many, those that are silent and hold nothing are
  /// forgotten for a new one.
  size_t workers_max = kWorkersMax;
  /// A worker that was silent for so long gets no new replicas.
  Duration worker_silence_max = 15s;
  /// How long CreateCollection waits for enough workers, and then for every shard to have a leader.
  Duration create_wait = 8s;
  /// Of one assignment pushed to a worker.
  Duration push_timeout = 3s;
  /// Before a push that failed is tried again.
  Duration push_interval = 500ms;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// Runs a placement node until `config.stop` is set, or until the task is destroyed. `env` outlives
/// it. Errors: invalid_argument (a bad config), failed_precondition (another node's folder),
/// data_loss (the folder is damaged, or it is missing without `bootstrap`), unavailable (cannot
/// listen), failed_precondition (every other member says that it belongs to another cluster).
Task<Result<void>> run_placement(Env* env, PlacementConfig config);

}  // namespace vectron
