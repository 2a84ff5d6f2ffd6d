// The worker: holds shard replicas, writes, reads and searches them.
//
// One task on one node's Env, in production and in simulation. All that it must not lose lies in
// the node's folder.
#pragma once

#include <string>
#include <vector>

#include "core/env/env.h"
#include "core/model/collection.h"
#include "core/rpc/node_address.h"
#include "services/node/node_config.h"
#include "services/worker/upkeep_config.h"

namespace vectron {

/// All that a worker must be told.
struct WorkerConfig : StoringNodeConfig {
  /// Where others reach it, when that is not where it listens; port 0 stands for the real one.
  std::optional<Address> advertise;
  /// The placement driver's nodes, at least one.
  std::vector<rpc::NodeAddress> placement;

  /// Failure domains; replicas of a shard are put into different ones.
  std::string zone;
  std::string rack;
  std::string host;
  uint64_t capacity_bytes = uint64_t{1} << 40;

  /// How many copies of shards it can hold; the placement driver gives it no more. 0: no bound.
  uint64_t replicas_max = 0;
  /// How many copies' files it may have open at a time, whatever its folder holds: it was filled
  /// under another limit of descriptors, perhaps. The others stay closed, and are tried again. 0:
  /// no bound.
  uint64_t replicas_open_max = 0;

  /// Reports to the placement driver; sooner when something changed.
  Duration heartbeat_interval = 5s;
  /// Between two reports because counts changed; also how often the worker looks for changes that
  /// nobody tells it of. A new leader or a new replica is reported at once.
  Duration change_interval = 100ms;

  /// What all shards together may keep in memory, in counted bytes; writes that would add more are
  /// refused, reads and removals are not. 0: no bound.
  uint64_t memory_bytes_max = 0;
  /// Of one shard; more are refused.
  size_t searches_in_flight_max = 1'024;
  /// Vectors of one shard that wait for the graph; more writes are refused.
  size_t tail_bytes_max = size_t{1} << 30;
  /// A shard with fewer vectors has no graph: comparing all of them is exact and faster.
  uint32_t graph_points_min = 1'000;
  /// Points linked by one piece of work on the Cpu pool.
  uint32_t index_batch_points_max = 8;
  /// How long fewer points than that wait in the flat tail for others to be linked with.
  Duration index_linger = 200ms;
  /// Checkpoints and rebuilds of the graphs.
  UpkeepConfig upkeep;
  /// Of one write, which is one log entry.
  size_t write_bytes_max = kWriteBytesMax;
  /// Vectors and payloads of one answer.
  size_t reply_bytes_max = 32 << 20;
  /// Points of one write. It is applied in one turn of the event loop.
  size_t write_operations_max = kWriteOperationsMax;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// Runs a worker until `config.stop` is set, or until the task is destroyed. `env` outlives it.
/// Errors: invalid_argument (a bad config), failed_precondition (another node's folder), data_loss
/// (the log or a replica is damaged), unavailable (cannot listen); and failed_precondition when the
/// placement driver will never take it: see is_refused_for_ever(); or every placement node says
/// that it belongs to another cluster.
Task<Result<void>> run_worker(Env* env, WorkerConfig config);

/// Whether the placement driver's answer to a worker is one that no patience changes: the worker's
/// folder is another one than that of its copies, its node number is used twice, its copies come
/// from another state of the placement driver.
bool is_refused_for_ever(const Status& answer);

}  // namespace vectron
