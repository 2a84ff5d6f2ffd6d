#include "core/raft/config.h"

namespace vectron::raft {

Result<void> Config::validate() const {
  const auto refuse = [](std::string message, std::string field) {
    return fail(Code::invalid_argument, std::move(message), std::move(field));
  };
  if (!self) return refuse("the replica id must not be zero", "self");
  if (heartbeat_ticks == 0) return refuse("must be at least 1", "heartbeat_ticks");
  if (election_ticks < 2 * heartbeat_ticks)
    return refuse("must be at least twice heartbeat_ticks", "election_ticks");
  if (election_ticks > 1'000'000) return refuse("must be at most 1000000", "election_ticks");
  if (append_bytes_max == 0) return refuse("must be at least 1", "append_bytes_max");
  if (inflight_messages_max == 0) return refuse("must be at least 1", "inflight_messages_max");
  if (inflight_bytes_max < append_bytes_max)
    return refuse("must be at least append_bytes_max", "inflight_bytes_max");
  if (uncommitted_bytes_max == 0) return refuse("must be at least 1", "uncommitted_bytes_max");
  if (apply_bytes_max == 0) return refuse("must be at least 1", "apply_bytes_max");
  if (log_bytes_max < uncommitted_bytes_max)
    return refuse("must be at least uncommitted_bytes_max", "log_bytes_max");
  if (pending_reads_max == 0) return refuse("must be at least 1", "pending_reads_max");
  return {};
}

}  // namespace vectron::raft
