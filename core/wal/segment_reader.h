// Reads one segment, and tells a torn tail from damage. Pure; for bytes that may be anything.
#pragma once

#include <functional>
#include <optional>

#include "core/wal/wal_format.h"

namespace vectron {

/// A segment as its reader expects it, before it is read.
struct SegmentExpectation {
  wal_format::SegmentIdentity identity;
  /// The sequence of its first record; none: whatever its header says (the oldest segment).
  std::optional<uint64_t> first_sequence;
  /// Only the newest segment can have a torn tail: before a segment is begun, all records of the
  /// one before it are synced.
  bool is_newest = false;
};

struct SegmentScan {
  /// Header and records; what follows is a torn tail.
  uint64_t valid_bytes = 0;
  /// 0 when it has no record.
  uint64_t last_record_offset = 0;
  uint64_t record_count = 0;
  uint64_t next_sequence = 0;
};

using RecordVisitor =
    std::function<void(const wal_format::RecordHeader& header, const WalBatch& batch)>;

/// Gives all records of a segment to `visitor`, in order, up to the torn tail if there is one.
///
/// The first bytes that are no intact record with the next sequence end the log, or are damage.
/// They are damage when the segment is not the newest and they are not the zeros that were written
/// ahead of the records (then the next segment's first sequence tells whether any are missing), or
/// when any intact header after them says that what they held had been synced: writes begin only
/// after the sync of the write before, and each record says how far that went. A lost or torn part
/// of the very last write, which was never acknowledged, leaves no such header, whatever subset of
/// its sectors reached the disk. (Damage of that last write after it was synced looks the same:
/// nothing in the log is younger.)
///
/// Errors: data_loss (damage), failed_precondition (another node's, a newer format).
Result<SegmentScan> read_segment(ByteView bytes, const SegmentExpectation& expected,
                                 const RecordVisitor& visitor);

}  // namespace vectron
