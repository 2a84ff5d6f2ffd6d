#include "services/worker/shard_content.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron {

static_assert(static_cast<int>(index::Metric::cosine) == static_cast<int>(Distance::cosine));
static_assert(static_cast<int>(index::Metric::dot) == static_cast<int>(Distance::dot));
static_assert(static_cast<int>(index::Metric::euclidean) == static_cast<int>(Distance::euclidean));

index::ShardIndexOptions index_options(const ShardOptions& options) {
  index::ShardIndexOptions out;
  out.metric = static_cast<index::Metric>(options.distance);
  out.dimension = options.dimension;
  out.m = options.index.m;
  out.ef_construction = options.index.ef_construction;
  out.graph_slots_min = options.graph_points_min;
  return out;
}

namespace {

// A node of `slots`: its value, a hash, a pointer, and its bucket; and the allocator's share.
constexpr uint64_t kSlotEntryBytes =
    sizeof(std::pair<const PointId, index::Slot>) + 4 * sizeof(void*);
constexpr uint64_t kPointBytes = sizeof(ShardContent::Row) + kSlotEntryBytes;

uint64_t link_bytes(const ShardOptions& options) {
  return uint64_t{2} * options.index.m * sizeof(uint32_t) + sizeof(void*);
}

}  // namespace

uint64_t index_point_bytes(const ShardOptions& options) {
  return options.dimension * sizeof(float) + link_bytes(options) + kPointBytes;
}

uint64_t ShardContent::point_bytes() const {
  // Texts are in the rows of all slots, and in `slots` for those that are live: about twice.
  return rows.size() * sizeof(Row) + slots.size() * kSlotEntryBytes + 2 * text_bytes_;
}

uint64_t ShardContent::bytes() const {
  const index::ShardIndexStats stats = index.stats();
  return stats.vector_bytes + stats.graph_bytes + point_bytes();
}

void ShardContent::put(const PointId& id, uint64_t version, std::span<const float> vector) {
  const index::Slot slot = begin_point(id, version);
  const index::Slot appended = index.append(vector);
  VECTRON_ASSERT(appended == slot, "slot {} has the row of slot {}", appended, slot);
}

void ShardContent::put_stored(const PointId& id, uint64_t version, std::span<const float> vector) {
  const index::Slot slot = begin_point(id, version);
  const index::Slot appended = index.append_stored(vector);
  VECTRON_ASSERT(appended == slot, "slot {} has the row of slot {}", appended, slot);
}

// The row comes before the vector: whoever finds the vector may ask for the row.
index::Slot ShardContent::begin_point(const PointId& id, uint64_t version) {
  const index::Slot slot = rows.size();
  add_row({id, version});
  slots[id] = slot;
  return slot;
}

void ShardContent::add_row(Row row) {
  const uint64_t version = row.version;
  if (row.id.is_text()) text_bytes_ += row.id.text().size();
  rows.push_back(std::move(row));
  if (version < version_max_) {
    ordered_from_ = rows.size();
    unordered_max_ = version_max_;
  }
  version_max_ = std::max(version_max_, version);
}

uint64_t ShardContent::version_below(index::Slot end) const {
  if (end == 0) return 0;
  return end <= ordered_from_ ? unordered_max_ : rows[end - 1].version;
}

uint64_t ShardContent::coverage(index::Cut cut, index::Slot begin, index::Slot end) const {
  uint64_t sum = 0;
  for (index::Slot slot = begin; slot < end; ++slot) {
    if (index.live(slot, cut)) sum += coverage_hash(rows[slot].id, rows[slot].version);
  }
  return sum;
}

}  // namespace vectron
