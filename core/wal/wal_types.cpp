#include "core/wal/wal_types.h"

#include "core/base/need.h"
#include "core/wal/wal_format.h"

namespace vectron {

size_t WalBatch::cost_bytes() const {
  size_t bytes = wal_format::kRecordOverheadBytes;
  for (const raft::Entry& entry : entries) bytes += entry.cost_bytes();
  return bytes;
}

Result<void> WalConfig::validate() const {
  VECTRON_CHECK_OK(need_at_least(segment_bytes_max, 1024, "segment_bytes_max"));
  VECTRON_CHECK_OK(need_positive(queue_bytes_max, "queue_bytes_max"));
  VECTRON_CHECK_OK(need_positive(write_bytes_max, "write_bytes_max"));
  VECTRON_CHECK_OK(need(retention_bytes_max >= 2 * segment_bytes_max, "retention_bytes_max",
                        "must be at least two segments (segment_bytes_max)"));
  return need_positive(full_pause, "full_pause");
}

}  // namespace vectron
