// A graph checkpoint as a start finds it on a disk: any bytes must be refused, or be links that a
// search can follow.
//
// The first byte chooses: the rest is a whole file; or the payloads of its blocks, with right
// checksums around them; or changes to a valid file.
#include <cstdlib>

#include "services/worker/checkpoint_format.h"

namespace {

using namespace vectron;

constexpr index::Slot kSlots = 24;

ShardOptions options() {
  ShardOptions options;
  options.dimension = 2;
  options.distance = Distance::euclidean;
  options.index = {.m = 2, .ef_construction = 8, .ef_search = 8};
  return options;
}

CheckpointIdentity identity() {
  return {GroupId(1), ReplicaId(2), 3, index_options(options())};
}

void read(ByteView file) {
  CheckpointDecoder decoder(identity(), options());
  while (!decoder.done()) {
    const size_t wanted = decoder.bytes_wanted();
    if (wanted > file.size()) return;
    const auto taken = decoder.take(file.first(wanted));
    if (!taken.has_value()) return;
    file = file.subspan(wanted);
  }
  CheckpointContent found = decoder.finish();
  const index::Slot slots = found.restore->slots();
  uint32_t live = 0;
  for (index::Slot slot = 0; slot < slots; ++slot) {
    if (!found.live[slot] || slot % 3 == 0) continue;
    const std::vector<float> vector = {static_cast<float>(slot), static_cast<float>(slot % 5)};
    found.restore->take_vector(slot, vector);
    ++live;
  }
  while (!found.restore->repair_some({.slots_max = 5})) {
  }
  const std::vector<float> query = {1, 1};
  const index::ShardIndex& index = found.content->index;
  const auto hits = index.search(index.cut(), query, {.k = live + 1, .ef = live + 1});
  if (hits.size() != live) std::abort();
}

Bytes header() {
  return encode_checkpoint_header({identity(), LogIndex(9), kSlots});
}

void append(Bytes* file, const Bytes& block) {
  file->insert(file->end(), block.begin(), block.end());
}

Bytes valid_file() {
  ShardContent content(options());
  for (uint64_t i = 0; i < kSlots; ++i) {
    const std::vector<float> vector = {static_cast<float>(i), static_cast<float>(i % 5)};
    content.put(PointId(i), i + 1, vector);
  }
  content.index.index_some(kSlots);
  const index::Cut cut = content.index.cut();
  Bytes file = header();
  CheckpointBlocks blocks(file);
  Bytes rows;
  append_checkpoint_rows(content, cut, 0, kSlots, &rows);
  append(&file, blocks.block(CheckpointBlockKind::rows, kSlots, rows));
  Bytes links;
  append_checkpoint_links(content.index, cut.slots, 0, kSlots, &links);
  append(&file, blocks.block(CheckpointBlockKind::links, kSlots, links));
  append(&file, blocks.end_block(kSlots, content.coverage(cut)));
  return file;
}

void change_valid_file(ByteView changes) {
  Bytes file = valid_file();
  for (; changes.size() >= 3; changes = changes.subspan(3)) {
    file[(changes[0] | changes[1] << 8) % file.size()] ^= changes[2];
  }
  read(file);
}

// Good rows, and the input as the links of all slots.
void read_links(ByteView payload) {
  if (payload.empty() || payload.size() > 4'096) return;
  Bytes file = header();
  CheckpointBlocks blocks(file);
  Bytes rows;
  uint64_t coverage = 0;
  for (uint64_t i = 0; i < kSlots; ++i) {
    ByteWriter writer(rows);
    writer.put(uint8_t{1});
    writer.put(i + 1);
    writer.put(i);
    coverage += coverage_hash(PointId(i), i + 1);
  }
  append(&file, blocks.block(CheckpointBlockKind::rows, kSlots, rows));
  append(&file, blocks.block(CheckpointBlockKind::links, kSlots, payload));
  append(&file, blocks.end_block(kSlots, coverage));
  read(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const ByteView rest(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      read(rest);
      break;
    case 1:
      read_links(rest);
      break;
    default:
      change_valid_file(rest);
  }
  return 0;
}
