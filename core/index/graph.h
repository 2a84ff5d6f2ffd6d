// An HNSW graph over the rows of a VectorStore (Malkov, Yashunin: "Efficient and robust approximate
// nearest neighbor search using Hierarchical Navigable Small World graphs", TPAMI 2020; algorithms
// 1 to 5).
//
// Where it differs from the paper and from hnswlib (docs/internals/index.md says why):
// - A node's level is a pure function of its slot: no generator, no logarithm, so the same graph on
//   every machine.
// - A node's lists on all of its levels are complete before the first neighbour points at it, so a
//   walk beside an insert never enters a node without a way on.
// - A list is an array of atomic words, so walks take no lock. Beside an insert a walk may read a
//   part of the old list and a part of the new one; each word is a complete node that was or is a
//   neighbour.
// - Nothing moves and nothing is copied when the graph grows.
//
// Owner: ShardIndex. add() and search() may run on any number of threads at once.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/index/accept.h"
#include "core/index/copies.h"
#include "core/index/distance.h"
#include "core/index/neighbor.h"
#include "core/index/scorer.h"
#include "core/index/segmented_array.h"
#include "core/index/top_k.h"
#include "core/index/vector_store.h"

namespace vectron::index {

struct GraphOptions {
  /// Links that a node makes on each level; level 0 keeps up to twice as many.
  uint32_t m = 16;
  /// Candidates kept while a node is linked.
  uint32_t ef_construction = 200;
};

struct WalkScratch;

/// A node's level: P(level >= l) = m^-l, decided by the hash of its slot. At most kLevelMax.
inline constexpr int kLevelMax = 15;
int level_of(Slot slot, uint32_t m);

class Graph {
 public:
  /// `vectors` outlives the graph. Neighbours are chosen by `link_distance`; searches bring their
  /// own.
  Graph(const VectorStore& vectors, DistanceFunction link_distance, GraphOptions options);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// Links `slot`, or hangs it on the node that has the same row. Returns whether it is a node
  /// now. Requires: its row is stored; each slot at most once. Cost: about ef_construction x 20
  /// distances; a copy costs one look into a table.
  bool add(Slot slot);

  struct WalkOptions {
    /// Nodes kept.
    size_t ef = 0;
    /// Distances and copies; beyond these it gives up.
    uint64_t evaluations_max = UINT64_MAX;
    /// What they were is added to it, when it is not null.
    uint64_t* evaluations = nullptr;
  };
  /// Offers `best` the slots of the up to `ef` nodes nearest to the scorer's query that `accept`
  /// lets through, or that have copies which it lets through. Other nodes are walked through and do
  /// not count against ef. Returns false when it gave up, and then not all was offered.
  /// core/index/graph_walk.h.
  template <Scorer S, Accept A>
  bool search(const S& scorer, const WalkOptions& options, const A& accept, TopK* best) const;

  /// Nodes linked: slots with lists of their own.
  uint64_t nodes() const { return nodes_.load(std::memory_order_relaxed); }
  /// Which slots hang on which nodes.
  const Copies& copies() const { return copies_; }
  /// Counted bytes of the links. A copy has the room of a node, which it does not use.
  uint64_t bytes() const;

  /// The neighbours of `slot` on `level`; empty when it has none or is not linked. For tests and
  /// checks.
  std::vector<Slot> links(Slot slot, int level) const;
  /// Whether `slot` has links of its own.
  bool is_node(Slot slot) const;
  /// Up to `ef` nodes near the node `slot`, nearest first, without itself. Adds to `evaluations`
  /// how many distances that took.
  std::vector<Slot> near(Slot slot, size_t ef, uint64_t* evaluations) const;
  /// Adds the link `from` -> `to` on level 0. In a full list it takes the place of the farthest
  /// neighbour that `spare` allows to go; false when there is none.
  template <typename Spare>
  bool force_link(Slot from, Slot to, const Spare& spare);
  /// A hash of all links of the slots [0, slot_end): equal graphs, equal digests.
  uint64_t digest(Slot slot_end) const;
  /// Where walks begin, and on which level; level -1 while the graph is empty.
  struct EntryPoint {
    Slot slot = 0;
    int level = -1;
  };
  EntryPoint entry_point() const;

  // ---- A graph that comes back from a file (core/index/index_restore.h). graph_image.cpp. ----

  /// Appends the lists of `slot` to `out`, without links at or beyond `slot_end`. Beside add() on
  /// other threads; see links(). Bytes: levels u8 (0: not linked), then for each level from 0 on a
  /// count u16 and so many slots u32, little-endian.
  void export_node(Slot slot, Slot slot_end, Bytes* out) const;

  // The rest changes the graph and belongs to one thread, before anybody walks.

  /// Makes room for the slots [0, slot_end).
  void reserve(Slot slot_end);
  /// Takes the lists of `slot` as export_node() wrote them. Returns whether it is linked now (a
  /// node without links counts as not linked). Errors: data_loss: this cannot be what a graph of
  /// these options wrote. Requires: reserve(), and slot below its end.
  Result<bool> import_node(Slot slot, Slot slot_end, ByteReader* in);
  /// A link that bridge() made.
  struct NewLink {
    Slot from = 0;
    Slot to = 0;
    int level = 0;
  };
  /// Takes links to slots that are `gone` out of the lists of `slot`; their own neighbours come in
  /// for them, as far as they fit and point different ways. (Singh et al.: "FreshDiskANN", 2021,
  /// algorithm 4; here it goes on through neighbours that are gone as well.) Appends what is new.
  /// Returns about how many distances that took.
  template <typename Gone>
  uint64_t bridge(Slot slot, const Gone& gone, std::vector<NewLink>* made);
  /// Adds the opposite of a link that bridge() made, unless it is there or the list is full.
  void link_opposite(NewLink link);
  /// Empties the lists of `slot`.
  void unlink(Slot slot);
  /// Links a node again that lost all of its neighbours.
  void relink(Slot slot);
  /// Lets equal rows join `slot`, which came from a file and has its row now.
  void publish(Slot slot) { copies_.publish(slot); }
  /// Sets where walks begin: the first of the highest nodes below `slot_end` that are not `gone`.
  template <typename Gone>
  void choose_entry_point(Slot slot_end, const Gone& gone);

 private:
  class ScratchLease;
  /// By what neighbours are chosen.
  using LinkScorer = Float32Scorer;
  /// A link: slot + 1; 0 ends a list. Threads share words through these two.
  using Word = uint32_t;
  static Word load_word(const Word* word) {
    return std::atomic_ref(*const_cast<Word*>(word)).load(std::memory_order_acquire);
  }
  static void store_word(Word* word, Word value) {
    std::atomic_ref(*word).store(value, std::memory_order_release);
  }

  Word* list(Slot slot, int level) const;
  uint32_t list_words(int level) const { return level == 0 ? 2 * options_.m : options_.m; }
  LinkScorer link_scorer(Slot slot) const { return {vectors_, link_distance_, slot}; }

  void make_lists(Slot slot, int level);
  void link(Slot slot);
  bool become_first(Slot slot, int level);
  void raise_entry_point(Slot slot, int level);
  void set_entry_point(EntryPoint entry);
  void find_neighbors(Slot slot, int level, EntryPoint entry, WalkScratch& scratch) const;
  void link_back(Slot from, Neighbor to, int level, WalkScratch& scratch);
  static void select_diverse(const LinkScorer& scorer, std::vector<NeighborKey>& candidates,
                             size_t keep_max, uint32_t salt);
  static void choose_newcomers(const LinkScorer& scorer, std::vector<NeighborKey>& stay,
                               const std::vector<NeighborKey>& come, size_t keep_max);
  template <typename Gone>
  uint64_t bridge_level(Slot slot, int level, const Gone& gone, std::vector<NewLink>* made);

  template <Scorer S>
  NeighborKey descend(const S& scorer, EntryPoint entry, int level_end) const;
  template <Scorer S, Accept A>
  bool offer_nearest(const S& scorer, const WalkOptions& options, const A& accept, TopK* best,
                     WalkScratch& scratch) const;
  template <Scorer S, Accept A>
  bool walk(const S& scorer, NeighborKey entry, int level, WalkOptions bounds, uint32_t salt,
            const A& accept, WalkScratch& scratch) const;
  template <Scorer S>
  std::span<const Slot> read_unvisited(const S& scorer, Slot slot, int level,
                                       WalkScratch& scratch) const;

  const VectorStore& vectors_;
  const DistanceFunction link_distance_;
  const GraphOptions options_;

  /// For each slot, 2m words.
  SegmentedArray<Word> level0_;
  /// For each node of a level above 0: level x m words; else null.
  SegmentedArray<Word*> upper_;
  Copies copies_;
  /// (level + 1) << 32 | slot; 0 while the graph is empty.
  std::atomic<uint64_t> entry_ = 0;
  /// Held by whoever changes entry_.
  std::mutex entry_mutex_;
  std::atomic<uint64_t> nodes_ = 0;
  std::atomic<uint64_t> upper_bytes_ = 0;

  /// Writers of one node's lists exclude one another by its stripe.
  static constexpr size_t kStripes = 256;
  std::array<std::mutex, kStripes> stripes_;

  /// Beyond these a returned scratch is freed.
  static constexpr size_t kIdleScratchesMax = 64;
  mutable std::mutex scratches_mutex_;
  mutable std::vector<std::unique_ptr<WalkScratch>> idle_scratches_;
};

inline Graph::Word* Graph::list(Slot slot, int level) const {
  if (level == 0) return level0_.mutable_element(slot);
  Word* words = std::atomic_ref(*upper_.mutable_element(slot)).load(std::memory_order_acquire);
  return words == nullptr ? nullptr : words + static_cast<size_t>(level - 1) * options_.m;
}

template <typename Spare>
bool Graph::force_link(Slot from, Slot to, const Spare& spare) {
  const std::scoped_lock lock(stripes_[from % kStripes]);
  Word* words = list(from, 0);
  Word* place = nullptr;
  float farthest = 0;
  const LinkScorer scorer = link_scorer(from);
  for (uint32_t i = 0; i < list_words(0); ++i) {
    const Word word = load_word(words + i);
    if (word == to + 1) return true;
    if (word == 0) {
      place = words + i;
      break;
    }
    if (!spare(word - 1)) continue;
    const float distance = scorer.to(word - 1);
    if (place != nullptr && distance <= farthest) continue;
    place = words + i;
    farthest = distance;
  }
  if (place == nullptr) return false;
  store_word(place, to + 1);
  return true;
}

}  // namespace vectron::index
