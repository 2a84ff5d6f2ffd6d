#include "sim/oracle/stored_log.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/wal/segment_reader.h"
#include "core/wal/wal_index.h"

namespace vectron::sim {

Result<StoredLog> read_stored_log(ClusterId cluster, NodeId node,
                                  std::span<const StoredSegment> segments) {
  WalIndex index;
  uint64_t next_sequence = 1;
  for (size_t i = 0; i < segments.size(); ++i) {
    const StoredSegment& segment = segments[i];
    if (i > 0 && segment.number != segments[i - 1].number + 1) {
      return fail(Code::data_loss,
                  fmt::format("the log lacks a segment before {}", segment.number));
    }
    SegmentExpectation expected;
    expected.identity = {cluster, node, segment.number};
    expected.is_newest = i + 1 == segments.size();
    if (segment.number == 1 || i > 0) expected.first_sequence = next_sequence;
    const auto take = [&](const wal_format::RecordHeader& header, const WalBatch& batch) {
      index.apply(batch, segment.number, header.kind == wal_format::RecordKind::relocation);
    };
    const Result<SegmentScan> scan = read_segment(segment.content, expected, take);
    if (!scan.has_value()) {
      return fail(scan.error().with_context(fmt::format("segment {}", segment.number)));
    }
    next_sequence = std::max(next_sequence, scan->next_sequence);
  }
  const Result<void> contiguous = index.check_contiguous();
  if (!contiguous.has_value()) return fail(contiguous.error());
  return StoredLog{.groups = index.groups(), .dropped = index.dropped()};
}

}  // namespace vectron::sim
