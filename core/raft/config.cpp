#include "core/raft/config.h"

#include "core/base/need.h"

namespace vectron::raft {

Result<void> Config::validate() const {
  VECTRON_CHECK_OK(need(bool(self), "self", "the replica id must not be zero"));
  VECTRON_CHECK_OK(need_positive(heartbeat_ticks, "heartbeat_ticks"));
  VECTRON_CHECK_OK(need(election_ticks >= 2 * heartbeat_ticks, "election_ticks",
                        "must be at least twice heartbeat_ticks"));
  VECTRON_CHECK_OK(need(election_ticks <= 1'000'000, "election_ticks", "must be at most 1000000"));
  VECTRON_CHECK_OK(need_positive(append_bytes_max, "append_bytes_max"));
  VECTRON_CHECK_OK(need_positive(inflight_messages_max, "inflight_messages_max"));
  VECTRON_CHECK_OK(need(inflight_bytes_max >= append_bytes_max, "inflight_bytes_max",
                        "must be at least append_bytes_max"));
  VECTRON_CHECK_OK(need_positive(uncommitted_bytes_max, "uncommitted_bytes_max"));
  VECTRON_CHECK_OK(need_positive(apply_bytes_max, "apply_bytes_max"));
  VECTRON_CHECK_OK(need(log_bytes_max >= uncommitted_bytes_max, "log_bytes_max",
                        "must be at least uncommitted_bytes_max"));
  return need_positive(pending_reads_max, "pending_reads_max");
}

}  // namespace vectron::raft
