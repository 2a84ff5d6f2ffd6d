#include "core/replica/replica_config.h"

#include <algorithm>

#include "core/base/need.h"

namespace vectron {

Result<void> ReplicaConfig::validate() const {
  VECTRON_CHECK_OK(need_positive(tick_interval, "tick_interval"));
  VECTRON_CHECK_OK(need_positive(heartbeat_ticks, "heartbeat_ticks"));
  VECTRON_CHECK_OK(need(election_ticks >= 2 * heartbeat_ticks, "election_ticks",
                        "must be at least twice heartbeat_ticks"));
  VECTRON_CHECK_OK(need_positive(pending_proposals_max, "pending_proposals_max"));
  VECTRON_CHECK_OK(need_between(append_bytes_max, 1, kAppendBytesMax, "append_bytes_max"));
  VECTRON_CHECK_OK(need(snapshot_chunk_bytes_max > 0 &&
                            snapshot_chunk_bytes_max <= kSnapshotChunkBytesMax &&
                            snapshot_chunk_bytes_max <= kv.batch_bytes_max / 2,
                        "snapshot_chunk_bytes_max",
                        "must be between 1 and 1 MiB, and at most half of kv_batch_bytes_max"));
  VECTRON_CHECK_OK(need_positive(scrub_interval, "scrub_interval"));
  VECTRON_CHECK_OK(kv.validate());
  return overlay.validate(kv);
}

LogIndex compaction_index(const ReplicaConfig& config, const LogExtent& log) {
  if (log.flushed_index < log.first_index) return LogIndex();
  const uint64_t cuttable = log.flushed_index - log.first_index + 1;
  LogIndex until = log.flushed_index;
  if (log.bytes <= config.log_bytes_kept_max) {
    if (cuttable <= config.log_entries_kept_max) return LogIndex();
    // Cut to half of what may be kept, so that it does not happen for each entry.
    until = log.flushed_index - config.log_entries_kept_max / 2;
  }
  const size_t waiting_max = std::max(config.log_bytes_waiting_max, config.log_bytes_kept_max);
  if (log.bytes > waiting_max || until < log.needed_from) return until;
  return log.needed_from > log.first_index ? log.needed_from - 1 : LogIndex();
}

}  // namespace vectron
