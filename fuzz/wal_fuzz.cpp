// A segment of the write-ahead log as recovery finds it on a disk: any bytes must be refused, or
// read as far as they are whole.
//
// The first byte chooses: the rest is a whole segment; or changes to a valid one; or the body of a
// record with right checksums around it, which must be refused or be exactly what encoding its
// meaning again gives.
#include <algorithm>
#include <cstdlib>

#include "core/wal/segment_reader.h"

namespace {

using namespace vectron;
using namespace vectron::wal_format;

SegmentExpectation expectation(bool is_newest) {
  SegmentExpectation expected;
  expected.identity = {ClusterId(1), NodeId(2), 1};
  expected.first_sequence = 1;
  expected.is_newest = is_newest;
  return expected;
}

uint64_t read(ByteView bytes, bool is_newest) {
  uint64_t records = 0;
  const auto scan = read_segment(bytes, expectation(is_newest),
                                 [&](const RecordHeader&, const WalBatch&) { ++records; });
  if (!scan.has_value()) return records;
  if (scan->record_count != records || scan->valid_bytes > bytes.size()) std::abort();
  const ByteView rest = bytes.subspan(scan->valid_bytes);
  const bool only_zeros = std::ranges::all_of(rest, [](uint8_t byte) { return byte == 0; });
  if (!is_newest && !only_zeros) std::abort();
  return records;
}

Bytes valid_segment() {
  const SegmentExpectation expected = expectation(true);
  Bytes segment = encode_segment_header({expected.identity, 1});
  for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
    WalBatch batch;
    batch.group = GroupId(sequence);
    batch.hard_state = raft::HardState{Term(sequence), ReplicaId(1), LogIndex()};
    batch.entries.push_back({Term(1), LogIndex(sequence), raft::EntryKind::normal,
                             raft::make_payload(Bytes(sequence * 7, 5))});
    RecordHeader header;
    header.sequence = sequence;
    header.durable_sequence = sequence - 1;
    append_record(&segment, expected.identity, segment.size(), header, batch);
  }
  return segment;
}

void change_valid_segment(ByteView changes) {
  Bytes segment = valid_segment();
  while (changes.size() >= 3) {
    const size_t at = (changes[0] | changes[1] << 8) % segment.size();
    segment[at] ^= changes[2];
    changes = changes.subspan(3);
  }
  if (!changes.empty()) segment.resize(segment.size() - changes[0] % segment.size());
  if (read(segment, true) > 4) std::abort();
  read(segment, false);
}

void check_body(ByteView body) {
  const SegmentExpectation expected = expectation(true);
  Bytes segment = encode_segment_header({expected.identity, 1});
  const size_t begin = segment.size();
  segment.resize(begin + kRecordHeaderBytes);
  segment.insert(segment.end(), body.begin(), body.end());
  segment.resize((segment.size() + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes);
  RecordHeader header;
  header.sequence = 1;
  header.group = GroupId(9);
  seal_record(&segment, begin, expected.identity, begin, header);
  const auto scan =
      read_segment(segment, expected, [&](const RecordHeader& found, const WalBatch& batch) {
        Bytes again(segment.begin(), segment.begin() + static_cast<ptrdiff_t>(begin));
        append_record(&again, expected.identity, begin, found, batch);
        if (again != segment) std::abort();
      });
  if (!scan.has_value()) std::abort();  // Nothing after it says that it was synced.
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView rest(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      read(rest, true);
      read(rest, false);
      break;
    case 1:
      change_valid_segment(rest);
      break;
    default:
      check_body(rest);
  }
  return 0;
}
