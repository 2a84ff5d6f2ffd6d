#include "core/replica/replica_config.h"

#include <algorithm>

namespace vectron {

Result<void> ReplicaConfig::validate() const {
  if (tick_interval <= Duration::zero()) {
    return fail(Code::invalid_argument, "must be above zero", "tick_interval");
  }
  if (heartbeat_ticks == 0 || election_ticks < 2 * heartbeat_ticks) {
    return fail(Code::invalid_argument, "must be at least twice heartbeat_ticks (at least 1)",
                "election_ticks");
  }
  if (pending_proposals_max == 0) {
    return fail(Code::invalid_argument, "must be at least 1", "pending_proposals_max");
  }
  if (append_bytes_max == 0 || append_bytes_max > kAppendBytesMax) {
    return fail(Code::invalid_argument, "must be between 1 and 256 KiB", "append_bytes_max");
  }
  if (snapshot_chunk_bytes_max == 0 || snapshot_chunk_bytes_max > kSnapshotChunkBytesMax ||
      snapshot_chunk_bytes_max > kv.batch_bytes_max / 2) {
    return fail(Code::invalid_argument,
                "must be between 1 and 1 MiB, and at most half of kv_batch_bytes_max",
                "snapshot_chunk_bytes_max");
  }
  if (scrub_interval <= Duration::zero()) {
    return fail(Code::invalid_argument, "must be above zero", "scrub_interval");
  }
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
