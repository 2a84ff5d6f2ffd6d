#include "services/worker/checkpoint_format.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/hash.h"

namespace vectron {

namespace {

constexpr std::string_view kMagic = "VECTRONG";
constexpr size_t kEndPayloadBytes = 16;

/// What a row begins with.
enum class RowKind : uint8_t { dead = 0, number = 1, text = 2 };

std::unexpected<Status> damaged(std::string_view what) {
  return fail(Code::data_loss, fmt::format("the graph checkpoint is damaged: {}", what));
}

uint64_t salt_of(ByteView header) {
  return mix64(checksum64(header));
}

uint64_t block_checksum(uint64_t salt, uint32_t number, CheckpointBlockKind kind, uint32_t count,
                        ByteView payload) {
  const uint64_t place = mix64(salt ^ number) ^ static_cast<uint64_t>(kind) << 32 ^ count;
  return mix64(checksum64(payload) ^ mix64(place));
}

bool same_options(const index::ShardIndexOptions& a, const index::ShardIndexOptions& b) {
  return a.metric == b.metric && a.dimension == b.dimension && a.m == b.m &&
         a.ef_construction == b.ef_construction;
}

}  // namespace

// ------------------------------------------------------------------------------------ writing

Bytes encode_checkpoint_header(const CheckpointHeader& header) {
  Bytes bytes;
  ByteWriter writer(bytes);
  const index::ShardIndexOptions& options = header.identity.options;
  writer.put_raw(as_bytes(kMagic));
  writer.put(kCheckpointVersion);
  writer.put(static_cast<uint32_t>(kCheckpointHeaderBytes));
  writer.put(header.identity.group.value());
  writer.put(header.identity.replica.value());
  writer.put(header.identity.generation);
  writer.put(header.applied_index.value());
  writer.put(static_cast<uint32_t>(options.metric));
  writer.put(options.dimension);
  writer.put(options.m);
  writer.put(options.ef_construction);
  writer.put(header.slots);
  bytes.resize(kCheckpointHeaderBytes - sizeof(uint64_t));
  writer.put(checksum64(bytes));
  return bytes;
}

index::Slot append_checkpoint_rows(const ShardContent& content, index::Cut cut, index::Slot begin,
                                   index::Slot end, Bytes* out) {
  ByteWriter writer(*out);
  for (; begin < end && out->size() < kCheckpointBlockBytes; ++begin) {
    if (!content.index.live(begin, cut)) {
      writer.put(static_cast<uint8_t>(RowKind::dead));
      continue;
    }
    const ShardContent::Row& row = content.rows[begin];
    writer.put(static_cast<uint8_t>(row.id.is_text() ? RowKind::text : RowKind::number));
    writer.put(row.version);
    if (row.id.is_text()) {
      writer.put(static_cast<uint8_t>(row.id.text().size()));
      writer.put_raw(as_bytes(row.id.text()));
    } else {
      writer.put(row.id.number());
    }
  }
  return begin;
}

index::Slot append_checkpoint_links(const index::ShardIndex& index, index::Slot slots,
                                    index::Slot begin, index::Slot end, Bytes* out) {
  while (begin < end && out->size() < kCheckpointBlockBytes) {
    const index::Slot step_end = std::min(end, begin + kCheckpointStepSlots);
    index.export_links(begin, step_end, slots, out);
    begin = step_end;
  }
  return begin;
}

CheckpointBlocks::CheckpointBlocks(ByteView header) : salt_(salt_of(header)) {}

Bytes CheckpointBlocks::block(CheckpointBlockKind kind, uint32_t count, ByteView payload) {
  VECTRON_ASSERT(payload.size() <= kCheckpointBlockBytesMax, "{} bytes", payload.size());
  Bytes bytes;
  bytes.reserve(kCheckpointBlockHeadBytes + payload.size());
  ByteWriter writer(bytes);
  writer.put(static_cast<uint32_t>(payload.size()));
  writer.put(static_cast<uint32_t>(kind));
  writer.put(count);
  writer.put(blocks_);
  writer.put(block_checksum(salt_, blocks_, kind, count, payload));
  writer.put_raw(payload);
  ++blocks_;
  return bytes;
}

Bytes CheckpointBlocks::end_block(index::Slot graph_end, uint64_t coverage) {
  Bytes payload;
  ByteWriter writer(payload);
  writer.put(uint64_t{graph_end});
  writer.put(coverage);
  return block(CheckpointBlockKind::end, 0, payload);
}

// ------------------------------------------------------------------------------------ reading

CheckpointDecoder::CheckpointDecoder(CheckpointIdentity expected, ShardOptions options,
                                     bool skip_checksums)
    : expected_(std::move(expected)),
      options_(std::move(options)),
      skip_checksums_(skip_checksums) {}

Result<void> CheckpointDecoder::take(ByteView bytes) {
  VECTRON_ASSERT(bytes.size() == wanted_ && !done(), "{} bytes, not {}", bytes.size(), wanted_);
  switch (piece_) {
    case Piece::header:
      return take_header(bytes);
    case Piece::head:
      return take_head(bytes);
    case Piece::payload:
      return take_payload(bytes);
  }
  return damaged("unreachable");
}

Result<void> CheckpointDecoder::take_header(ByteView bytes) {
  ByteReader reader(bytes);
  if (as_text(reader.get_raw(kMagic.size())) != kMagic) return damaged("it is something else");
  const auto version = reader.get<uint32_t>();
  const auto header_bytes = reader.get<uint32_t>();
  if (version > kCheckpointVersion) {
    return fail(Code::failed_precondition,
                fmt::format("the graph checkpoint has format version {}, this program knows up to "
                            "{}",
                            version, kCheckpointVersion));
  }
  if (version < kCheckpointVersion) {
    return fail(Code::failed_precondition,
                fmt::format("the graph checkpoint has format version {}, whose graphs find less "
                            "among copies and ties than those of version {}",
                            version, kCheckpointVersion));
  }
  const ByteView summed = bytes.first(kCheckpointHeaderBytes - sizeof(uint64_t));
  ByteReader checksum(bytes.last(sizeof(uint64_t)));
  const bool intact = checksum.get<uint64_t>() == checksum64(summed) || skip_checksums_;
  if (!intact || header_bytes != kCheckpointHeaderBytes) {
    return damaged("its header");
  }
  CheckpointIdentity identity;
  identity.group = GroupId(reader.get<uint64_t>());
  identity.replica = ReplicaId(reader.get<uint64_t>());
  identity.generation = reader.get<uint64_t>();
  out_.applied_index = LogIndex(reader.get<uint64_t>());
  identity.options.metric = static_cast<index::Metric>(reader.get<uint32_t>());
  identity.options.dimension = reader.get<uint32_t>();
  identity.options.m = reader.get<uint32_t>();
  identity.options.ef_construction = reader.get<uint32_t>();
  slots_ = reader.get<uint32_t>();
  if (identity.group != expected_.group || identity.replica != expected_.replica ||
      identity.generation != expected_.generation ||
      !same_options(identity.options, expected_.options)) {
    return fail(Code::failed_precondition, "the graph checkpoint is another replica's");
  }
  if (slots_ > index::kSlotsMax) return damaged("an impossible number of slots");
  out_.content = std::make_shared<ShardContent>(options_);
  salt_ = salt_of(bytes);
  piece_ = Piece::head;
  wanted_ = kCheckpointBlockHeadBytes;
  return {};
}

Result<void> CheckpointDecoder::take_head(ByteView bytes) {
  ByteReader reader(bytes);
  const auto payload_bytes = reader.get<uint32_t>();
  head_.kind = static_cast<CheckpointBlockKind>(reader.get<uint32_t>());
  head_.count = reader.get<uint32_t>();
  const auto number = reader.get<uint32_t>();
  head_.checksum = reader.get<uint64_t>();
  const bool known =
      head_.kind >= CheckpointBlockKind::rows && head_.kind <= CheckpointBlockKind::end;
  if (!known || number != blocks_ || payload_bytes == 0 ||
      payload_bytes > kCheckpointBlockBytesMax) {
    return damaged("a block's head");
  }
  piece_ = Piece::payload;
  wanted_ = payload_bytes;
  return {};
}

Result<void> CheckpointDecoder::take_payload(ByteView bytes) {
  const uint64_t checksum = block_checksum(salt_, blocks_, head_.kind, head_.count, bytes);
  if (head_.checksum != checksum && !skip_checksums_) {
    return damaged("a block's checksum");
  }
  ++blocks_;
  piece_ = Piece::head;
  wanted_ = kCheckpointBlockHeadBytes;
  const bool rows_done = out_.content->rows.size() == slots_;
  if (head_.kind == CheckpointBlockKind::rows) return take_rows(bytes);
  if (!rows_done) return damaged("rows are missing");
  // Memory for the slots is taken only now: the rows have proved that there are so many.
  if (!out_.restore) {
    out_.restore = std::make_unique<index::IndexRestore>(&out_.content->index, slots_);
  }
  if (head_.kind == CheckpointBlockKind::links) {
    return out_.restore->take_links(head_.count, bytes);
  }
  return take_end(bytes);
}

Result<void> CheckpointDecoder::take_rows(ByteView payload) {
  ShardContent& content = *out_.content;
  if (out_.restore || head_.count > slots_ - content.rows.size()) return damaged("too many rows");
  ByteReader reader(payload);
  for (uint32_t i = 0; i < head_.count; ++i) {
    const auto slot = static_cast<index::Slot>(content.rows.size());
    const auto kind = static_cast<RowKind>(reader.get<uint8_t>());
    ShardContent::Row row;
    if (kind == RowKind::number || kind == RowKind::text) {
      row.version = reader.get<uint64_t>();
      if (kind == RowKind::number) {
        row.id = PointId(reader.get<uint64_t>());
      } else {
        const ByteView text = reader.get_raw(reader.get<uint8_t>());
        auto id = PointId::from_text(std::string(as_text(text)));
        if (!id.has_value()) return damaged("a point's id");
        row.id = *std::move(id);
      }
    } else if (kind != RowKind::dead) {
      return damaged("a row");
    }
    if (!reader.ok()) return damaged("a row");
    const bool live = kind != RowKind::dead;
    if (live && !content.slots.emplace(row.id, slot).second) return damaged("a point twice");
    if (live) coverage_ += coverage_hash(row.id, row.version);
    out_.live.push_back(live);
    content.add_row(std::move(row));
  }
  return reader.done() ? Result<void>() : damaged("bytes beyond the rows");
}

Result<void> CheckpointDecoder::take_end(ByteView payload) {
  ByteReader reader(payload);
  const auto graph_end = reader.get<uint64_t>();
  const auto coverage = reader.get<uint64_t>();
  if (!reader.done() || payload.size() != kEndPayloadBytes || head_.count != 0) {
    return damaged("its end");
  }
  if (graph_end != out_.restore->graph_end() || coverage != coverage_) return damaged("its totals");
  wanted_ = 0;
  return {};
}

}  // namespace vectron
