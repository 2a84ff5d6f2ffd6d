// WalkScratch: the lists and marks that one walk through a graph works with. Owned by Graph, which
// lends them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/index/graph.h"
#include "core/index/neighbor.h"

namespace vectron::index {

/// What one walk needs besides the graph. It keeps its memory from walk to walk; its contents mean
/// nothing between them.
struct WalkScratch {
  /// A bit for each slot.
  std::vector<uint64_t> visited;
  /// The first `touched_count` of them: slots whose bit is set.
  std::vector<Slot> touched;
  size_t touched_count = 0;
  /// Of the keys below.
  uint32_t salt = 0;
  /// Distances and copies looked at by the last walk.
  uint64_t evaluations = 0;
  /// A min-heap: seen and not expanded.
  std::vector<NeighborKey> frontier;
  /// A max-heap: the accepted nearest so far.
  std::vector<NeighborKey> best;
  /// Candidates of a full list.
  std::vector<NeighborKey> relink;
  /// Of a new node, by level.
  std::array<std::vector<NeighborKey>, kLevelMax + 1> neighbors;

  /// Forgets the last walk. `keys_salt`: of the keys of this one (core/index/salted_key.h).
  void begin_walk(uint32_t keys_salt) {
    salt = keys_salt;
    evaluations = 0;
    for (size_t i = 0; i < touched_count; ++i) visited[touched[i] / 64] = 0;
    touched_count = 0;
    frontier.clear();
    best.clear();
  }

  /// Room for `count` more touched slots; what lies beyond touched_count means nothing.
  Slot* make_room(size_t count) {
    if (touched.size() < touched_count + count) [[unlikely]]
      touched.resize(2 * (touched_count + count));
    return touched.data() + touched_count;
  }

  /// The word of `visited` in which the bit of `slot` is.
  uint64_t& visited_word(Slot slot) {
    const size_t word = slot / 64;
    if (word >= visited.size()) [[unlikely]]
      visited.resize(std::max(word + 1, 2 * visited.size()));
    return visited[word];
  }
};

/// One of the graph's scratches, for as long as this lives.
class Graph::ScratchLease {
 public:
  explicit ScratchLease(const Graph& graph) : graph_(graph) {
    const std::scoped_lock lock(graph_.scratches_mutex_);
    if (!graph_.idle_scratches_.empty()) {
      scratch_ = std::move(graph_.idle_scratches_.back());
      graph_.idle_scratches_.pop_back();
    } else {
      scratch_ = std::make_unique<WalkScratch>();
    }
  }
  ScratchLease(const ScratchLease&) = delete;
  ScratchLease& operator=(const ScratchLease&) = delete;
  ~ScratchLease() {
    const std::scoped_lock lock(graph_.scratches_mutex_);
    if (graph_.idle_scratches_.size() < kIdleScratchesMax) {
      graph_.idle_scratches_.push_back(std::move(scratch_));
    }
  }
  WalkScratch& operator*() const { return *scratch_; }

 private:
  const Graph& graph_;
  std::unique_ptr<WalkScratch> scratch_;
};

}  // namespace vectron::index
