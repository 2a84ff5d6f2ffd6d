// What a start would find in a node's write-ahead log, read from the bytes of its segments. Pure.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "core/base/bytes.h"
#include "core/wal/wal_types.h"

namespace vectron::sim {

struct StoredSegment {
  uint64_t number = 0;
  Bytes content;
};

struct StoredLog {
  std::map<GroupId, WalGroupState> groups;
  /// Whose folders a start would remove.
  std::vector<WalDropped> dropped;
};

/// The log of `node` in these segments, by their numbers. A tail that a write has not finished is
/// left out, as a start would cut it. Errors: data_loss, failed_precondition: as of Wal::open.
Result<StoredLog> read_stored_log(ClusterId cluster, NodeId node,
                                  std::span<const StoredSegment> segments);

}  // namespace vectron::sim
