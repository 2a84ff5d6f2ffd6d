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
  /// last one, and checkpoint_share_ppm of its points were.
  uint64_t checkpoint_points_min = 10'000;
  /// The share of a shard's points beside checkpoint_points_min (parts per million; a checkpoint
  /// writes all links).
  uint32_t checkpoint_share_ppm = 100'000;
  /// A checkpoint is also due when anything changed, and nothing more for so long.
  Duration checkpoint_idle = 30s;
  /// No sooner than this after the one before, also after one that failed.
  Duration checkpoint_pause_min = 60s;
  /// How fast a checkpoint is written, so that the write-ahead log does not wait behind it. The
  /// last one of a worker that stops is written as fast as it can be.
  uint64_t checkpoint_bytes_per_second_max = uint64_t{64} << 20;
  /// What a checkpoint must leave free on the disk; else none is begun: the write-ahead log needs
  /// the space more.
  uint64_t checkpoint_free_bytes_min = uint64_t{256} << 20;
  /// How long a worker that stops takes for the checkpoints of all its shards.
  Duration checkpoint_stop_timeout = 20s;

  /// A shard's index is built anew once so many of its slots are tombstones, and
  /// rebuild_tombstones_ppm of all its slots are.
  uint64_t rebuild_tombstones_min = 10'000;
  /// The share of tombstones beside rebuild_tombstones_min (parts per million).
  uint32_t rebuild_tombstones_ppm = 300'000;
  /// Points copied on the event loop for each Cpu thread, and points linked by one of its pieces of
  /// work, in one round of a rebuild.
  uint32_t rebuild_slice_points = 32;
  /// A rebuild is given up when the old index has grown by such a share (parts per million, and by
  /// rebuild_tombstones_min at least) since it began: it does not catch up with the writes.
  uint32_t rebuild_growth_ppm_max = 500'000;
  /// No sooner than this after one that was given up.
  Duration rebuild_pause_min = 60s;

  /// Errors: invalid_argument with the field.
  Result<void> validate() const;
};

/// What decides whether a checkpoint is due.
struct CheckpointProgress {
  /// Points written, removed or linked since the last checkpoint.
  uint64_t changes = 0;
  /// Points of the shard.
  uint64_t points = 0;
  /// Since the last of the changes.
  Duration since_change;
  /// Since the last checkpoint, whether it succeeded or not.
  Duration since_attempt;
};
bool checkpoint_is_due(const UpkeepConfig& config, const CheckpointProgress& progress);

/// What decides whether a graph is looked through for points that no walk leads to.
struct MendProgress {
  /// Of the graph now.
  uint64_t nodes = 0;
  /// Nodes when the graph was last looked through.
  uint64_t nodes_mended = 0;
  /// Since points were last written, removed or linked.
  Duration since_change;
};
/// It is when that was never done (a rebuild has just ended), once a tenth of the nodes are new,
/// and once nothing has changed for a while.
bool mend_is_due(const UpkeepConfig& config, const MendProgress& progress);

/// Whether an index with so many slots and tombstones should be built anew.
bool rebuild_is_due(const UpkeepConfig& config, uint64_t slots, uint64_t tombstones);

/// Whether one gives back enough to be made before it is due, because memory is short: an eighth.
bool rebuild_is_worthwhile(uint64_t slots, uint64_t tombstones);

/// How far a rebuild is.
struct RebuildProgress {
  /// Of the old index, when the rebuild began.
  uint64_t slots_before = 0;
  /// Of the old index, now.
  uint64_t slots = 0;
  /// Slots of the old index that were not looked at yet.
  uint64_t uncopied = 0;
  /// Points of the new index that wait to be linked.
  uint64_t unlinked = 0;
  /// Points of the old index that wait to be linked.
  uint64_t old_unlinked = 0;
};
enum class RebuildStep : uint8_t { go_on, change_places, give_up };
/// The new index takes the old one's place once it holds all and its flat tail is hardly longer.
RebuildStep rebuild_step(const UpkeepConfig& config, const RebuildProgress& progress);

}  // namespace vectron
