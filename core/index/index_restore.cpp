#include "core/index/index_restore.h"

#include "core/index/flush_denormals.h"
#include "core/index/graph_image.h"

namespace vectron::index {

IndexRestore::IndexRestore(ShardIndex* index, Slot slots)
    : index_(index), slots_(slots), linked_(slots), has_vector_(slots) {
  index_->vectors_.reserve(slots);
  index_->graph_.reserve(slots);
  for (Slot slot = 0; slot < slots; ++slot) index_->tombstones_.append(slot);
}

Result<void> IndexRestore::take_links(Slot count, ByteView bytes) {
  VECTRON_ASSERT(step_ == Step::bridge && next_ == 0);
  if (count > slots_ - graph_end_) {
    return fail(Code::data_loss, "the index image has links of more slots than it has");
  }
  ByteReader reader(bytes);
  for (const Slot end = graph_end_ + count; graph_end_ < end; ++graph_end_) {
    VECTRON_TRY(const bool linked, index_->graph_.import_node(graph_end_, slots_, &reader));
    linked_[graph_end_] = linked;
  }
  if (!reader.done()) return fail(Code::data_loss, "the index image has bytes beyond its links");
  return {};
}

void IndexRestore::take_vector(Slot slot, std::span<const float> vector) {
  VECTRON_ASSERT(slot < slots_ && !has_vector_[slot], "slot {}", slot);
  index_->vectors_.place(slot, vector, index_->row_form());
  has_vector_[slot] = true;
}

Slot IndexRestore::step_end() const {
  switch (step_) {
    case Step::link_opposites:
      return static_cast<Slot>(new_links_.size());
    case Step::bury:
      return slots_;
    default:
      return graph_end_;
  }
}

bool IndexRestore::repair_some(RepairBounds bounds) {
  const FlushDenormals flush;
  uint64_t evaluations = 0;
  for (; bounds.slots_max > 0 && evaluations < bounds.evaluations_max && step_ < Step::mend;
       --bounds.slots_max) {
    while (next_ == step_end() && step_ < Step::mend) begin_next_step();
    if (step_ < Step::mend) evaluations += repair(next_++);
  }
  if (step_ < Step::mend || evaluations >= bounds.evaluations_max) return false;
  if (!mender_ && !forgets_holes_ && index_->leads_everywhere()) {
    mender_ = std::make_unique<GraphMender>(&index_->graph_, graph_end_);
  }
  if (mender_ && !mender_->mend_some(bounds.evaluations_max - evaluations)) return false;
  step_ = Step::done;
  const std::scoped_lock lock(index_->claims_mutex_);
  index_->claimed_ = graph_end_;
  index_->indexed_.store(graph_end_, std::memory_order_release);
  return true;
}

void IndexRestore::plant_forgotten_holes() {
  forgets_holes_ = true;
  for (Slot slot = 0; slot < graph_end_; ++slot) {
    if (!linked_[slot] || has_vector_[slot]) continue;
    index_->graph_.unlink(slot);
    linked_[slot] = false;
  }
}

void IndexRestore::begin_next_step() {
  if (step_ == Step::unlink) {
    index_->graph_.choose_entry_point(
        graph_end_, [this](Slot slot) { return gone(slot) || !index_->graph_.is_node(slot); });
  }
  step_ = static_cast<Step>(static_cast<uint8_t>(step_) + 1);
  next_ = 0;
}

uint64_t IndexRestore::repair(Slot slot) {
  Graph& graph = index_->graph_;
  switch (step_) {
    case Step::bridge:
      if (gone(slot)) return 0;
      return graph.bridge(slot, [this](Slot other) { return gone(other); }, &new_links_);
    case Step::unlink:
      if (linked_[slot] && !has_vector_[slot]) {
        graph.unlink(slot);
        linked_[slot] = false;
      }
      if (linked_[slot]) graph.publish(slot);
      return 0;
    case Step::link_opposites:
      graph.link_opposite(new_links_[slot]);
      return 0;
    case Step::add:
      if (!has_vector_[slot]) return 0;
      if (!linked_[slot]) {
        // A copy, or alone in the file's graph.
        linked_[slot] = true;
        if (!graph.add(slot)) return 1;
      } else if (!graph.is_node(slot)) {
        graph.relink(slot);  // All of its neighbours are gone, and theirs.
      } else {
        return 0;
      }
      return index_->index_cost(1) / index_->options_.dimension;
    case Step::bury:
      if (!has_vector_[slot]) index_->tombstones_.remove(slot);
      return 0;
    case Step::mend:
    case Step::done:
      return 0;
  }
  return 0;
}

}  // namespace vectron::index
