#include "core/wal/segment_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace vectron {

using namespace wal_format;

namespace {

std::unexpected<Status> damaged(const SegmentExpectation& expected, uint64_t offset,
                                std::string_view what) {
  return fail(Code::data_loss,
              fmt::format("the write-ahead log is damaged: segment {}, byte {}: {}",
                          segment_name(expected.identity.segment), offset, what));
}

/// Whether an intact header at or after `offset` says that record `sequence` had been synced.
bool was_synced(ByteView bytes, const SegmentExpectation& expected, uint64_t offset,
                uint64_t sequence) {
  for (; offset + kRecordHeaderBytes <= bytes.size(); offset += kAlignmentBytes) {
    const std::optional<RecordHeader> header =
        decode_record_header(bytes, expected.identity, offset);
    if (header && header->durable_sequence >= sequence) return true;
  }
  return false;
}

/// The end of the log at scan->valid_bytes, or damage there.
Result<SegmentScan> end_at(const SegmentScan& scan, ByteView bytes,
                           const SegmentExpectation& expected) {
  if (scan.valid_bytes == bytes.size() && scan.valid_bytes > 0) return scan;
  if (!expected.is_newest) {
    const ByteView rest = bytes.subspan(scan.valid_bytes);
    const bool is_prefill = std::ranges::all_of(rest, [](uint8_t byte) { return byte == 0; });
    // If records were among those zeros, the next segment does not begin with the one that follows.
    if (is_prefill && scan.valid_bytes > 0) return scan;
    return damaged(expected, scan.valid_bytes, "no intact record, and newer segments follow");
  }
  const uint64_t first_place = std::max<uint64_t>(scan.valid_bytes, kSegmentHeaderBytes);
  if (was_synced(bytes, expected, first_place, scan.next_sequence)) {
    return damaged(expected, scan.valid_bytes,
                   fmt::format("record {} was synced and is not intact", scan.next_sequence));
  }
  return scan;
}

}  // namespace

Result<SegmentScan> read_segment(ByteView bytes, const SegmentExpectation& expected,
                                 const RecordVisitor& visitor) {
  SegmentScan scan;
  scan.next_sequence = expected.first_sequence.value_or(0);
  VECTRON_TRY(const std::optional<SegmentHeader> header,
              decode_segment_header(bytes, expected.identity));
  if (!header) {
    if (!expected.first_sequence) return damaged(expected, 0, "its header is not intact");
    return end_at(scan, bytes, expected);
  }
  if (expected.first_sequence && header->first_sequence != *expected.first_sequence) {
    return damaged(expected, 0,
                   fmt::format("it begins with record {}, but record {} comes next",
                               header->first_sequence, *expected.first_sequence));
  }
  scan.next_sequence = header->first_sequence;
  scan.valid_bytes = kSegmentHeaderBytes;
  while (scan.valid_bytes < bytes.size()) {
    const uint64_t offset = scan.valid_bytes;
    const std::optional<RecordHeader> record =
        decode_record_header(bytes, expected.identity, offset);
    if (!record || record->sequence != scan.next_sequence) break;
    const std::optional<WalBatch> batch = decode_body(bytes, expected.identity, offset, *record);
    if (!batch) break;
    visitor(*record, *batch);
    scan.last_record_offset = offset;
    scan.valid_bytes = offset + kRecordHeaderBytes + record->body_bytes;
    ++scan.record_count;
    ++scan.next_sequence;
  }
  return end_at(scan, bytes, expected);
}

}  // namespace vectron
