// ShardContent: what a search of one shard replica needs: the index, and which point each slot is.
//
// Kept alive by whoever searches: a snapshot install, and a rebuild, put a new one in its place.
// Owned by ShardState. The index says what other threads may do; all else belongs to the event
// loop (or to one job of the Cpu pool at a time, while nobody else has the content yet).
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "core/index/shard_index.h"
#include "core/model/collection.h"
#include "core/model/coverage.h"
#include "core/model/point_id.h"
#include "core/model/shard_map.h"
#include "services/worker/point_rows.h"

namespace vectron {

/// What a shard is.
struct ShardOptions {
  ShardId shard;
  HashRange range;
  uint32_t dimension = 0;
  Distance distance = Distance::cosine;
  IndexOptions index;
  /// The worker's (WorkerConfig).
  uint32_t graph_points_min = 0;
};
index::ShardIndexOptions index_options(const ShardOptions& options);

/// About what one more point takes in an index of these options: vector, links, row.
uint64_t index_point_bytes(const ShardOptions& options);

struct ShardContent {
  explicit ShardContent(const ShardOptions& options) : index(index_options(options)) {}

  using Row = PointRow;
  struct PlacementHasher {
    size_t operator()(const PointId& id) const { return placement_hash(id); }
  };

  /// Gives the point a new slot. Whoever had one before has removed it.
  void put(const PointId& id, uint64_t version, std::span<const float> vector);
  /// The same with a vector that an index of the same options has stored already.
  void put_stored(const PointId& id, uint64_t version, std::span<const float> vector);
  /// Says which point the next slot is, where the index gets its vector in another way.
  void add_row(Row row);
  /// The coverage (core/model/coverage.h) of the points in the slots [begin, end) that are live at
  /// `cut`. Over all slots it is what the content finds. O(end - begin).
  uint64_t coverage(index::Cut cut, index::Slot begin, index::Slot end) const;
  uint64_t coverage(index::Cut cut) const { return coverage(cut, 0, cut.slots); }
  /// Counted bytes of rows and slots.
  uint64_t point_bytes() const;
  /// Counted bytes of everything.
  uint64_t bytes() const;

  /// No slot below `end` has a version above the result; it is the highest one there, or an upper
  /// bound where the slots are not in the order of their versions. O(1).
  uint64_t version_below(index::Slot end) const;

  index::ShardIndex index;
  /// By slot.
  PointRows rows;
  /// Never iterated.
  std::unordered_map<PointId, index::Slot, PlacementHasher> slots;

  /// Nodes of the graph when it was last looked through for nodes that no walk leads to.
  uint64_t nodes_mended = 0;
  /// Those of them that still no walk leads to (index::GraphMender::unreachable).
  uint64_t nodes_unreachable = 0;
  /// What that takes while it goes on; counted with the links.
  uint64_t mending_bytes = 0;

 private:
  index::Slot begin_point(const PointId& id, uint64_t version);

  /// Of ids, in rows.
  uint64_t text_bytes_ = 0;

  // A load and a rebuild give out slots in the order of ids, and a row that was dead in a
  // checkpoint has no version; what is written later follows in the order of versions.
  /// From here on versions never go down.
  index::Slot ordered_from_ = 0;
  /// Of all slots.
  uint64_t version_max_ = 0;
  /// Of the slots below ordered_from_.
  uint64_t unordered_max_ = 0;
};

}  // namespace vectron
