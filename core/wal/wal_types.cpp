#include "core/wal/wal_types.h"

#include "core/wal/wal_format.h"

namespace vectron {

size_t WalBatch::cost_bytes() const {
  size_t bytes = wal_format::kRecordOverheadBytes;
  for (const raft::Entry& entry : entries) bytes += entry.cost_bytes();
  return bytes;
}

Result<void> WalConfig::validate() const {
  const auto refuse = [](const char* field, const char* why) {
    return fail(Code::invalid_argument, why, field);
  };
  if (segment_bytes_max < 1024) return refuse("segment_bytes_max", "must be at least 1024");
  if (queue_bytes_max == 0) return refuse("queue_bytes_max", "must be positive");
  if (write_bytes_max == 0) return refuse("write_bytes_max", "must be positive");
  if (retention_bytes_max < 2 * segment_bytes_max) {
    return refuse("retention_bytes_max", "must be at least two segments (segment_bytes_max)");
  }
  if (full_pause <= Duration::zero()) return refuse("full_pause", "must be positive");
  return {};
}

}  // namespace vectron
