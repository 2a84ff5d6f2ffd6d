// The vector index of one shard replica: graph, flat tail and tombstones behind one door.
//
// A vector is appended to the flat tail and can be found at once; index_some() links it into the
// HNSW graph later. An upsert appends (a new slot) and removes (a tombstone on the old one);
// nothing is ever changed in place.
//
// Owner: a shard replica on a worker. Threads: append(), remove() and cut() belong to the owner's
// event loop alone. search(), index_some() and the counters may run on any thread, at once with
// them and with one another. A function given to the CPU pool keeps the index alive itself (a
// shared_ptr in its captures).
//
// Consistency: a search answers for a Cut. It sees every slot appended before the cut and none
// after it, every removal before the cut and none after it, whatever happens meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/index/distance.h"
#include "core/index/graph.h"
#include "core/index/graph_mender.h"
#include "core/index/neighbor.h"
#include "core/index/tombstones.h"
#include "core/index/top_k.h"
#include "core/index/vector_store.h"

namespace vectron::index {

struct ShardIndexOptions {
  Metric metric = Metric::cosine;
  /// Elements of each vector, 1 to kDimensionMax.
  uint32_t dimension = 0;
  /// Links a point makes on each level, 2 to 256.
  uint32_t m = 16;
  /// Candidates kept while a point is linked, 1 to 4,096.
  uint32_t ef_construction = 200;
  /// With fewer slots there is no graph: all are in the flat tail, and comparing them one by one is
  /// both exact and faster than a walk. A graph that is there once stays.
  uint32_t graph_slots_min = 0;

  /// Errors: invalid_argument, naming the field.
  Result<void> validate() const;
};

/// About how many distances a search evaluates, or evaluated; for Cpu accounting.
struct SearchCost {
  /// On its way through the graph.
  uint64_t walked = 0;
  /// One after the other, of the flat tail or of all.
  uint64_t scanned = 0;
  bool operator==(const SearchCost&) const = default;
};

struct SearchOptions {
  /// Hits wanted, 1 to kHitsMax.
  uint32_t k = 10;
  /// Candidates kept by the graph walk; at least k is used, at most kEfMax.
  uint32_t ef = 100;
  /// Scan everything instead of walking the graph.
  bool exact = false;
  /// Settles ties; null: the lower slot comes first. Outlives the search.
  const TieOrder* ties = nullptr;
  /// What the search evaluates is added to it, though it gives up. May be null; outlives the
  /// search.
  SearchCost* spent = nullptr;
  /// The planted bug search_skips_tail.
  bool planted_skip_tail = false;
};

/// Bound of SearchOptions::k.
inline constexpr uint32_t kHitsMax = 65'536;
/// Bound of SearchOptions::ef.
inline constexpr uint32_t kEfMax = 65'536;

struct Hit {
  Slot slot = 0;
  /// Internal, smaller is nearer; score_of() makes it the client's score.
  float distance = 0;
  /// It was not in the graph yet, so it was compared exactly.
  bool from_tail = false;
  bool operator==(const Hit&) const = default;
};

/// Figures for reports and back-pressure. Bytes are counted, never measured from the process.
struct ShardIndexStats {
  /// Ever appended.
  uint64_t slots = 0;
  /// Slots that are not tombstones.
  uint64_t live = 0;
  /// Many of them call for a rebuild: a new index of the live.
  uint64_t tombstones = 0;
  /// Slots [0, indexed) are done: linked, or dead before it came to that.
  uint64_t indexed = 0;
  /// Slots [indexed, slots): scanned exactly.
  uint64_t tail = 0;
  /// All vectors, the tail included.
  uint64_t vector_bytes = 0;
  /// Links of the graph and tombstones.
  uint64_t graph_bytes = 0;
};

class ShardIndex {
 public:
  /// Requires: options.validate() succeeds.
  explicit ShardIndex(ShardIndexOptions options);
  ShardIndex(const ShardIndex&) = delete;
  ShardIndex& operator=(const ShardIndex&) = delete;

  const ShardIndexOptions& options() const { return options_; }

  /// Adds a vector and returns its slot: 0, 1, 2, ... Copies it (normalised under cosine).
  /// O(dimension). Requires: options().dimension finite elements, not all zero under cosine. Event
  /// loop only.
  Slot append(std::span<const float> vector);

  /// The same for a row of vector() of an index with the same options, bit for bit.
  Slot append_stored(std::span<const float> row);

  /// Puts a tombstone on `slot`. Requires: appended, not removed before. Event loop only. O(1).
  void remove(Slot slot);

  /// The present state as a value; O(1). Event loop only. Hand it to a search on any thread.
  Cut cut() const;

  /// The k nearest live slots at `cut`, ordered by (distance, options.ties): exactly min(k, live at
  /// the cut) of them. Every tail slot is compared exactly; with options.exact every slot is, and
  /// the answer equals brute force. Requires: query.size() == dimension, finite; bounds of
  /// SearchOptions. A zero query under cosine is at distance 0 from everything.
  std::vector<Hit> search(Cut cut, std::span<const float> query, SearchOptions options) const;

  /// The same, unless it takes more than `evaluations_max` distances (dead slots that a walk must
  /// cross, and a scan where the graph does not lead to k slots, are not in search_cost()): then it
  /// gives up after about so many and returns none.
  std::optional<std::vector<Hit>> try_search(Cut cut, std::span<const float> query,
                                             SearchOptions options, uint64_t evaluations_max) const;

  /// Links up to `slots_max` slots of the tail's front into the graph; returns how many it took (0:
  /// nothing to do, or options().graph_slots_min are not reached). Calls may run at once: each
  /// claims its own range.
  uint32_t index_some(uint32_t slots_max);

  ShardIndexStats stats() const;
  /// Slots of the tail that wait for the graph, those that an index_some() works on included; none
  /// while there is to be no graph.
  uint64_t waiting_slots() const;
  /// Bytes of their vectors.
  uint64_t waiting_bytes() const { return waiting_slots() * vectors_.row_bytes(); }
  /// Those of them that no index_some() has claimed yet.
  uint64_t unclaimed_slots() const;

  /// Of a search at `cut`, where little is dead.
  SearchCost search_cost(Cut cut, SearchOptions options) const;
  /// Of a search at `cut` that comes upon whatever is dead, or falls back on comparing all.
  SearchCost search_cost_max(Cut cut, SearchOptions options) const;
  /// Cost of index_some(slots) in distance evaluations x dimension, estimated for Cpu accounting.
  uint64_t index_cost(uint32_t slots) const;

  /// True when `slot` is live at `cut`. Any thread.
  bool live(Slot slot, Cut cut) const { return tombstones_.live_at(slot, cut); }
  /// Slots below it are in the graph, or died before it came to that. Only grows. Any thread.
  Slot graph_end() const { return indexed(); }
  /// Appends the lists of the slots [begin, end) to `out` (Graph::export_node), without links at or
  /// beyond `slot_end`. Those of dead slots too: a restore leads around them. Any thread, beside
  /// everything. Requires: end <= graph_end(), and end <= slot_end.
  void export_links(Slot begin, Slot end, Slot slot_end, Bytes* out) const;

  /// The stored form of `slot` (normalised under cosine); valid as long as the index.
  std::span<const float> vector(Slot slot) const { return vectors_.vector(slot); }
  const Graph& graph() const { return graph_; }
  /// Whether a walk is to lead to every node of the graph. Not so where neighbours are chosen by
  /// the inner product: there a long vector is everybody's neighbour and a short one nobody's, and
  /// links to the short ones would take the places of those that searches need.
  bool leads_everywhere() const;
  /// Mends the graph as it is now; counts only, where no walk needs to lead everywhere. Any thread,
  /// beside everything, one at a time; the index outlives it.
  GraphMender mender() {
    using Purpose = GraphMender::Purpose;
    return {&graph_, graph_end(), leads_everywhere() ? Purpose::mend : Purpose::count};
  }

 private:
  friend class IndexRestore;

  struct Range {
    Slot begin = 0;
    Slot end = 0;
  };

  /// What append() and a restore make of a vector.
  RowForm row_form() const {
    return options_.metric == Metric::cosine ? RowForm::normalized : RowForm::given;
  }
  Slot indexed() const { return indexed_.load(std::memory_order_acquire); }
  bool wants_graph(Slot indexed, Slot slots) const {
    return indexed > 0 || slots >= options_.graph_slots_min;
  }
  Range claim(uint32_t slots_max);
  void finish(Range range);

  const ShardIndexOptions options_;
  const DistanceFunction distance_;
  VectorStore vectors_;
  Tombstones tombstones_;
  Graph graph_;

  /// Every slot below it is done; only grows; written under claims_mutex_.
  std::atomic<Slot> indexed_ = 0;
  mutable std::mutex claims_mutex_;
  /// Slots below it are claimed or done.
  Slot claimed_ = 0;
  /// Done ranges beyond indexed_, sorted; one for each concurrent caller at most.
  std::vector<Range> finished_;
};

}  // namespace vectron::index
