// IndexRestore: brings a ShardIndex back from the links that it once had and the vectors of today.
//
// A checkpoint holds links by slot and no vectors: those are where the points are. Some of its
// slots are gone by now (their points were removed or written again), so the order is: links in,
// vectors in, and what has no vector is taken out of the graph, its neighbours led around it. What
// nothing leads to afterwards is given a link (core/index/graph_mender.h).
// Points that are newer than the checkpoint are appended afterwards as always.
//
// Owner: whoever loads a shard. One thread at a time, and nobody else has the index until
// repair_some() has returned true. It holds nothing that must outlive it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/index/graph_mender.h"
#include "core/index/shard_index.h"

namespace vectron::index {

class IndexRestore {
 public:
  /// Makes the slots [0, slots) of `index`, which is empty and outlives this.
  IndexRestore(ShardIndex* index, Slot slots);
  IndexRestore(const IndexRestore&) = delete;
  IndexRestore& operator=(const IndexRestore&) = delete;

  Slot slots() const { return slots_; }

  /// Takes the links of the next `count` slots, as ShardIndex::export_links wrote them. Errors:
  /// data_loss: this index cannot have written them; throw it away. Requires: before any vector.
  Result<void> take_links(Slot count, ByteView bytes);
  /// Slots whose links were taken: the graph's end.
  Slot graph_end() const { return graph_end_; }

  /// Gives `slot` its vector (as ShardIndex::append takes it). A slot that gets none is dead.
  void take_vector(Slot slot, std::span<const float> vector);
  /// True when the slot has its vector.
  bool has_vector(Slot slot) const { return has_vector_[slot]; }

  /// How much one call of repair_some() does: it ends with the slot that reaches either bound. Most
  /// slots cost nothing; one in the middle of slots that are gone costs thousands of distances.
  struct RepairBounds {
    uint32_t slots_max = 2'048;
    uint64_t evaluations_max = 2'048;
  };
  /// Mends the graph: call it until it returns true.
  bool repair_some(RepairBounds bounds);
  /// Whether the graph was looked through for nodes that no walk leads to
  /// (core/index/graph_mender.h), and how many of them were given links.
  bool looked_through() const { return mender_ != nullptr; }
  uint64_t mended() const { return mender_ ? mender_->mended() : 0; }
  /// How many there are still (GraphMender::unreachable).
  uint64_t unreachable() const { return mender_ ? mender_->unreachable() : 0; }
  /// The planted bug restore_forgets_holes, once all vectors are there: ways through slots that are
  /// gone are lost, and nothing is mended.
  void plant_forgotten_holes();

 private:
  enum class Step : uint8_t { bridge, unlink, link_opposites, add, bury, mend, done };

  bool gone(Slot slot) const { return !linked_[slot] || !has_vector_[slot]; }
  void begin_next_step();
  /// Returns about how many distances it took.
  uint64_t repair(Slot slot);
  Slot step_end() const;

  ShardIndex* index_;
  const Slot slots_;
  Slot graph_end_ = 0;
  /// Its links came.
  std::vector<bool> linked_;
  /// Its vector came.
  std::vector<bool> has_vector_;
  bool forgets_holes_ = false;
  Step step_ = Step::bridge;
  /// Of the step.
  Slot next_ = 0;
  std::vector<Graph::NewLink> new_links_;
  /// In the last step.
  std::unique_ptr<GraphMender> mender_;
};

}  // namespace vectron::index
