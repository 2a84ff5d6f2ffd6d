#include "core/wal/wal_format.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/hash.h"

namespace vectron::wal_format {

namespace {

constexpr std::string_view kMagic = "VECTRWAL";
constexpr std::string_view kNameEnd = ".wal";
constexpr size_t kNameDigits = 16;
constexpr uint64_t kHeaderSeed = 0x77616c2d686561ULL;

// Bits of a body's first byte: which fields it has.
constexpr uint8_t kHasMark = 1;
constexpr uint8_t kHasHardState = 2;
constexpr uint8_t kHasEntries = 4;
constexpr uint8_t kHasDropped = 8;
constexpr uint8_t kAllFields = kHasMark | kHasHardState | kHasEntries | kHasDropped;

uint64_t place_seed(const SegmentIdentity& identity, uint64_t offset) {
  const uint64_t owner = mix64(mix64(identity.cluster.value()) + identity.node.value());
  return mix64(mix64(owner ^ identity.segment) + offset);
}

void put_members(ByteWriter& writer, const std::vector<ReplicaId>& members) {
  writer.put(static_cast<uint32_t>(members.size()));
  for (const ReplicaId member : members) writer.put(member.value());
}

std::optional<std::vector<ReplicaId>> get_members(ByteReader& reader) {
  const auto count = reader.get<uint32_t>();
  if (count > raft::kMembersMax) return std::nullopt;
  std::vector<ReplicaId> members;
  members.reserve(count);
  for (uint32_t i = 0; i < count; ++i) members.emplace_back(reader.get<uint64_t>());
  return members;
}

void put_mark(ByteWriter& writer, const WalMark& mark) {
  writer.put(mark.generation);
  writer.put(static_cast<uint8_t>(mark.replaces_log ? 1 : 0));
  writer.put(mark.meta.index.value());
  writer.put(mark.meta.term.value());
  put_members(writer, mark.meta.membership.voters);
  put_members(writer, mark.meta.membership.learners);
}

std::optional<WalMark> get_mark(ByteReader& reader) {
  WalMark mark;
  mark.generation = reader.get<uint64_t>();
  const auto replaces = reader.get<uint8_t>();
  mark.replaces_log = replaces == 1;
  mark.meta.index = LogIndex(reader.get<uint64_t>());
  mark.meta.term = Term(reader.get<uint64_t>());
  std::optional<std::vector<ReplicaId>> voters = get_members(reader);
  std::optional<std::vector<ReplicaId>> learners = get_members(reader);
  if (replaces > 1 || !voters || !learners) return std::nullopt;
  mark.meta.membership = {*std::move(voters), *std::move(learners)};
  return mark;
}

void put_entries(ByteWriter& writer, const std::vector<raft::Entry>& entries) {
  writer.put(static_cast<uint32_t>(entries.size()));
  writer.put(entries.front().index.value());
  for (size_t i = 0; i < entries.size(); ++i) {
    const raft::Entry& entry = entries[i];
    VECTRON_ASSERT(entry.index == entries.front().index + i, "entries are contiguous");
    writer.put(entry.term.value());
    writer.put(static_cast<uint8_t>(entry.kind));
    writer.put_sized(raft::view(entry.data));
  }
}

bool get_entries(ByteReader& reader, std::vector<raft::Entry>* entries) {
  const auto count = reader.get<uint32_t>();
  const LogIndex first(reader.get<uint64_t>());
  for (uint32_t i = 0; i < count; ++i) {
    raft::Entry entry;
    entry.index = first + i;
    entry.term = Term(reader.get<uint64_t>());
    const auto kind = reader.get<uint8_t>();
    const ByteView data = reader.get_sized();
    if (!reader.ok() || kind > static_cast<uint8_t>(raft::EntryKind::barrier)) return false;
    entry.kind = static_cast<raft::EntryKind>(kind);
    entry.data = raft::make_payload(to_bytes(data));
    entries->push_back(std::move(entry));
  }
  return count > 0 && first.value() != 0 && first.value() <= UINT64_MAX - count;
}

void put_body(Bytes* out, const WalBatch& batch) {
  ByteWriter writer(*out);
  uint8_t fields = 0;
  if (batch.mark) fields |= kHasMark;
  if (batch.hard_state) fields |= kHasHardState;
  if (!batch.entries.empty()) fields |= kHasEntries;
  if (batch.dropped_replica) fields |= kHasDropped;
  writer.put(fields);
  if (batch.mark) put_mark(writer, *batch.mark);
  if (batch.hard_state) {
    writer.put(batch.hard_state->term.value());
    writer.put(batch.hard_state->voted_for.value());
    writer.put(batch.hard_state->commit_index.value());
  }
  if (!batch.entries.empty()) put_entries(writer, batch.entries);
  if (batch.dropped_replica) writer.put(batch.dropped_replica->value());
}

bool is_padding(ByteView bytes) {
  return bytes.size() < kAlignmentBytes &&
         std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

}  // namespace

Bytes encode_segment_header(const SegmentHeader& header) {
  Bytes out = to_bytes(as_bytes(kMagic));
  ByteWriter writer(out);
  writer.put(kVersion);
  writer.put(static_cast<uint32_t>(kSegmentHeaderBytes));
  writer.put(header.identity.segment);
  writer.put(header.identity.cluster.value());
  writer.put(header.identity.node.value());
  writer.put(header.first_sequence);
  writer.put(uint64_t{0});
  writer.put(hash64(out, kHeaderSeed));
  VECTRON_ASSERT(out.size() == kSegmentHeaderBytes);
  return out;
}

Result<std::optional<SegmentHeader>> decode_segment_header(ByteView bytes,
                                                           const SegmentIdentity& expected) {
  if (bytes.size() < kSegmentHeaderBytes) return std::nullopt;
  bytes = bytes.first(kSegmentHeaderBytes);
  ByteReader reader(bytes);
  const ByteView magic = reader.get_raw(kMagic.size());
  const auto version = reader.get<uint32_t>();
  const auto header_bytes = reader.get<uint32_t>();
  SegmentHeader header;
  header.identity.segment = reader.get<uint64_t>();
  header.identity.cluster = ClusterId(reader.get<uint64_t>());
  header.identity.node = NodeId(reader.get<uint64_t>());
  header.first_sequence = reader.get<uint64_t>();
  reader.get<uint64_t>();
  const auto checksum = reader.get<uint64_t>();
  const ByteView covered = bytes.first(kSegmentHeaderBytes - sizeof(checksum));
  if (as_text(magic) != kMagic || checksum != hash64(covered, kHeaderSeed)) return std::nullopt;
  if (version > kVersion) {
    return fail(Code::failed_precondition,
                fmt::format("the write-ahead log has format {}, this version knows formats up to "
                            "{}: run the newer version",
                            version, kVersion));
  }
  if (header_bytes != kSegmentHeaderBytes || header.first_sequence == 0) return std::nullopt;
  const SegmentIdentity& found = header.identity;
  if (found.cluster != expected.cluster || found.node != expected.node ||
      found.segment != expected.segment) {
    return fail(Code::failed_precondition,
                fmt::format("this is segment {} of the write-ahead log of node {} in cluster {}, "
                            "not segment {} of node {} in cluster {}: put the right folder there",
                            found.segment, found.node, found.cluster, expected.segment,
                            expected.node, expected.cluster));
  }
  return header;
}

void append_record(Bytes* out, const SegmentIdentity& identity, uint64_t offset,
                   RecordHeader header, const WalBatch& batch) {
  const size_t begin = out->size();
  const size_t body_begin = begin + kRecordHeaderBytes;
  out->resize(body_begin);
  put_body(out, batch);
  const size_t unaligned = (out->size() - body_begin) % kAlignmentBytes;
  if (unaligned > 0) out->resize(out->size() + kAlignmentBytes - unaligned);
  header.group = batch.group;
  seal_record(out, begin, identity, offset, header);
}

void seal_record(Bytes* out, size_t begin, const SegmentIdentity& identity, uint64_t offset,
                 RecordHeader header) {
  VECTRON_ASSERT(offset % kAlignmentBytes == 0 && header.durable_sequence < header.sequence);
  const ByteView body = ByteView(*out).subspan(begin + kRecordHeaderBytes);
  VECTRON_ASSERT(body.size() % kAlignmentBytes == 0 && body.size() <= kBodyBytesMax,
                 "a record of {} bytes", body.size());
  const uint64_t seed = place_seed(identity, offset);
  Bytes head;
  head.reserve(kRecordHeaderBytes);
  ByteWriter writer(head);
  writer.put(static_cast<uint32_t>(body.size()));
  writer.put(static_cast<uint8_t>(header.kind));
  writer.put(uint8_t{0});
  writer.put(uint16_t{0});
  writer.put(header.sequence);
  writer.put(header.durable_sequence);
  writer.put(header.group.value());
  writer.put(hash64(body, seed));
  writer.put(hash64(head, ~seed));
  VECTRON_ASSERT(head.size() == kRecordHeaderBytes);
  std::copy(head.begin(), head.end(), out->begin() + static_cast<ptrdiff_t>(begin));
}

std::optional<RecordHeader> decode_record_header(ByteView segment, const SegmentIdentity& identity,
                                                 uint64_t offset) {
  if (offset > segment.size() || segment.size() - offset < kRecordHeaderBytes) return std::nullopt;
  const ByteView bytes = segment.subspan(offset, kRecordHeaderBytes);
  ByteReader reader(bytes);
  RecordHeader header;
  header.body_bytes = reader.get<uint32_t>();
  const auto kind = reader.get<uint8_t>();
  reader.get<uint8_t>();
  reader.get<uint16_t>();
  header.sequence = reader.get<uint64_t>();
  header.durable_sequence = reader.get<uint64_t>();
  header.group = GroupId(reader.get<uint64_t>());
  header.body_checksum = reader.get<uint64_t>();
  const auto checksum = reader.get<uint64_t>();
  // The cheap tests first: a search after damage tries every place.
  if (kind < 1 || kind > 2 || header.body_bytes % kAlignmentBytes != 0 ||
      header.body_bytes > segment.size() - offset - kRecordHeaderBytes ||
      header.durable_sequence >= header.sequence) {
    return std::nullopt;
  }
  const ByteView covered = bytes.first(kRecordHeaderBytes - sizeof(checksum));
  if (checksum != hash64(covered, ~place_seed(identity, offset))) return std::nullopt;
  header.kind = static_cast<RecordKind>(kind);
  return header;
}

std::optional<WalBatch> decode_body(ByteView segment, const SegmentIdentity& identity,
                                    uint64_t offset, const RecordHeader& header) {
  const ByteView body = segment.subspan(offset + kRecordHeaderBytes, header.body_bytes);
  if (header.body_checksum != hash64(body, place_seed(identity, offset))) return std::nullopt;
  ByteReader reader(body);
  WalBatch batch;
  batch.group = header.group;
  const auto fields = reader.get<uint8_t>();
  if ((fields & ~kAllFields) != 0 || !batch.group) return std::nullopt;
  if ((fields & kHasMark) != 0) {
    batch.mark = get_mark(reader);
    if (!batch.mark) return std::nullopt;
  }
  if ((fields & kHasHardState) != 0) {
    raft::HardState state;
    state.term = Term(reader.get<uint64_t>());
    state.voted_for = ReplicaId(reader.get<uint64_t>());
    state.commit_index = LogIndex(reader.get<uint64_t>());
    batch.hard_state = state;
  }
  if ((fields & kHasEntries) != 0 && !get_entries(reader, &batch.entries)) return std::nullopt;
  if ((fields & kHasDropped) != 0) batch.dropped_replica = ReplicaId(reader.get<uint64_t>());
  if (!reader.ok() || !is_padding(reader.rest())) return std::nullopt;
  return batch;
}

std::string segment_name(uint64_t segment) {
  return fmt::format("{:016x}{}", segment, kNameEnd);
}

std::optional<uint64_t> parse_segment_name(std::string_view name) {
  if (name.size() != kNameDigits + kNameEnd.size()) return std::nullopt;
  uint64_t segment = 0;
  for (const char c : name.substr(0, kNameDigits)) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && (c < 'a' || c > 'f')) return std::nullopt;
    segment = segment << 4 | static_cast<uint64_t>(is_digit ? c - '0' : c - 'a' + 10);
  }
  if (segment == 0 || segment_name(segment) != name) return std::nullopt;
  return segment;
}

}  // namespace vectron::wal_format
