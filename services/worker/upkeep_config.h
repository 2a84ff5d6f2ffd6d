// Settings of what a worker does for its shards' graphs in the background: checkpoints and
// rebuilds.
#pragma once

#include "core/base/result.h"
#include "core/base/time.h"

namespace vectron {

struct UpkeepConfig {
  /// How often a shard looks whether something is due.
  Duration check_interval = 1s;

  /// A checkpoint is due once so many points of a shard were written, removed or linked since the
  /// last one,
  uint64_t checkpoint_points_min = 10'000;
  /// and so large a share of its points (parts per million; a checkpoint writes all links);
  uint32_t checkpoint_share_ppm = 100'000;
  /// or when anything changed, and nothing more for so long.
  Duration checkpoint_idle = 30s;
  /// No sooner than this after the one before, also after one that failed.
  Duration checkpoint_pause_min = 60s;
  /// How fast a checkpoint is written, so that the write-ahead log does not wait behind it. The
  /// last one of a worker that stops is written as fast as it can be.
  uint64_t checkpoint_bytes_per_second_max = uint64_t{64} << 20;
  /// How long a worker that stops takes for the checkpoints of all its shards.
  Duration checkpoint_stop_timeout = 20s;

  /// A shard's index is built anew once so many of its slots are tombstones,
  uint64_t rebuild_tombstones_min = 10'000;
  /// and so large a share of them (parts per million).
  uint32_t rebuild_tombstones_ppm = 300'000;
  /// Points copied on the event loop, and points linked on the Cpu pool, in one piece of a rebuild.
  uint32_t rebuild_slice_points = 32;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// What decides whether a checkpoint is due.
struct CheckpointProgress {
  uint64_t changes = 0;    ///< Points written, removed or linked since the last checkpoint.
  uint64_t points = 0;     ///< Points of the shard.
  Duration since_change;   ///< Since the last of the changes.
  Duration since_attempt;  ///< Since the last checkpoint, whether it succeeded or not.
};
bool checkpoint_is_due(const UpkeepConfig& config, const CheckpointProgress& progress);

/// Whether an index with so many slots and tombstones should be built anew.
bool rebuild_is_due(const UpkeepConfig& config, uint64_t slots, uint64_t tombstones);

}  // namespace vectron
