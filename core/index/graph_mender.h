// GraphMender: makes every node of a graph one that walks reach, and that leads back.
//
// Linking exchanges links of full lists, and a restart leads around what is gone. Either may leave
// a node, or a group of near copies, that no link leads to, or a group that no link leads out of.
// A walk never comes to the first and never leaves the second. So the mender
//
//   1. goes through level 0 from the entry point and remembers by which link it came to each node
//      (the tree);
//   2. gives each node that it did not come to a link from a node nearby that it came to. A full
//      list loses a link for it that is not of the tree, the farthest of them;
//   3. finds the nodes that do not lead to the entry point, and gives them a link to one that does.
//
// Steps 2 and 3 never take a link of the tree, so what was reachable stays so. Beside add() on
// other threads it may see an older list and mend less than all: it is run again.
//
// Where a graph needs no way to every node it only counts those that step 1 did not come to.
//
// Owner: whoever keeps a shard's index up. One thread at a time, in pieces.
#pragma once

#include <cstdint>
#include <vector>

#include "core/index/graph.h"

namespace vectron::index {

class GraphMender {
 public:
  enum class Purpose : uint8_t { mend, count };

  /// Looks at the slots [0, slot_end). `graph` outlives it.
  GraphMender(Graph* graph, Slot slot_end, Purpose purpose = Purpose::mend);

  /// Does about as much as `evaluations_max` distances take; true when all is done. The first call
  /// also makes room: see bytes_of().
  bool mend_some(uint64_t evaluations_max);

  /// Nodes that were given a link so far, because nothing led to them or they led nowhere.
  uint64_t mended() const { return mended_; }
  /// Nodes that nothing led to and that were given no link.
  uint64_t unreachable() const { return unreachable_; }

  /// The most bytes of memory that mending so many slots takes.
  static constexpr uint64_t bytes_of(Slot slots) {
    return uint64_t{slots} * 2 * sizeof(Slot) + slots / 8;
  }

 private:
  enum class Step : uint8_t { begin, reach, lead_back, done };
  static constexpr Slot kNone = UINT32_MAX;
  static constexpr int kPassesMax = 64;  // Over all slots, in search of those that lead nowhere.

  void begin();
  uint64_t reach_next();
  uint64_t attach(Slot slot);
  uint64_t lead_back_next();
  void begin_pass();

  Graph* graph_;
  const Slot slot_end_;
  const Purpose purpose_;
  Step step_ = Step::begin;
  /// By slot: from which node the tree comes to it; kNone: it does not.
  std::vector<Slot> parent_;
  /// Nodes whose links were not followed yet.
  std::vector<Slot> queue_;
  std::vector<bool> leads_back_;
  Slot next_ = 0;
  int passes_ = 0;
  /// The pass before found nothing more by looking alone.
  bool pass_may_link_ = false;
  bool pass_changed_ = false;
  /// Slots looked at, each pass counted.
  uint64_t looked_ = 0;
  uint64_t mended_ = 0;
  uint64_t unreachable_ = 0;
};

/// Nodes of [0, slot_end) that no way over level 0 leads to from the entry point. O(links).
uint64_t unreachable_nodes(const Graph& graph, Slot slot_end);

}  // namespace vectron::index
