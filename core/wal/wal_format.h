// The stored format of the write-ahead log: segment headers and records. Pure.
//
// Drawn byte by byte in docs/internals/wal.md. Private to core/wal.
#pragma once

#include <optional>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/wal/wal_types.h"

namespace vectron::wal_format {

inline constexpr uint32_t kVersion = 1;
inline constexpr size_t kSegmentHeaderBytes = 64;
inline constexpr size_t kRecordHeaderBytes = 48;
/// Records begin at multiples of this, so that a search for one after damage has few places to try.
inline constexpr size_t kAlignmentBytes = 8;
/// Bytes that limits count for a record besides its entries.
inline constexpr size_t kRecordOverheadBytes = 128;
/// The largest body of a record.
inline constexpr size_t kBodyBytesMax = size_t{1} << 30;

/// Whose segment it is. Every checksum depends on it, so that a record in a wrong place is damage.
struct SegmentIdentity {
  ClusterId cluster;
  NodeId node;
  uint64_t segment = 0;
};

struct SegmentHeader {
  SegmentIdentity identity;
  /// Of its first record.
  uint64_t first_sequence = 0;
};

Bytes encode_segment_header(const SegmentHeader& header);
/// None when these are not the intact bytes of a header. Errors: failed_precondition (the segment
/// of another cluster, node or number, or of a newer format).
Result<std::optional<SegmentHeader>> decode_segment_header(ByteView bytes,
                                                           const SegmentIdentity& expected);

enum class RecordKind : uint8_t {
  /// A WalBatch as it was appended.
  batch = 1,
  /// A record that is still alive, written again by a reclaim.
  relocation = 2,
};

struct RecordHeader {
  /// Padded to kAlignmentBytes.
  uint32_t body_bytes = 0;
  RecordKind kind = RecordKind::batch;
  /// Consecutive over the whole log, from 1 on.
  uint64_t sequence = 0;
  /// All records up to this one were synced before this one was written. After damage it tells
  /// what the damage destroyed: something durable, or a write that was never acknowledged.
  uint64_t durable_sequence = 0;
  GroupId group;
  uint64_t body_checksum = 0;
};

/// Appends a record to `out`; it will lie at `offset` of the segment. body_bytes, body_checksum and
/// group of `header` are filled in. Requires: the body is at most kBodyBytesMax.
void append_record(Bytes* out, const SegmentIdentity& identity, uint64_t offset,
                   RecordHeader header, const WalBatch& batch);

/// Writes the header of the record whose padded body ends `out` and begins kRecordHeaderBytes after
/// its `begin`; as append_record. For tests that make bodies of their own.
void seal_record(Bytes* out, size_t begin, const SegmentIdentity& identity, uint64_t offset,
                 RecordHeader header);

/// The intact header at `offset` of a segment. None when there is none, or its body would reach
/// past the end.
std::optional<RecordHeader> decode_record_header(ByteView segment, const SegmentIdentity& identity,
                                                 uint64_t offset);
/// The batch of the record whose `header` was decoded at `offset`. None when its body is damaged.
std::optional<WalBatch> decode_body(ByteView segment, const SegmentIdentity& identity,
                                    uint64_t offset, const RecordHeader& header);

/// "0000000000000007.wal", and back; none for other names.
std::string segment_name(uint64_t segment);
std::optional<uint64_t> parse_segment_name(std::string_view name);

}  // namespace vectron::wal_format
