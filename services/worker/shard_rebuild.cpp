#include "services/worker/shard_rebuild.h"

namespace vectron {

ShardRebuild::ShardRebuild(std::shared_ptr<const ShardContent> from, const ShardOptions& options,
                           bool forget_deletes)
    : from_(std::move(from)),
      to_(std::make_shared<ShardContent>(options)),
      forget_deletes_(forget_deletes) {}

bool ShardRebuild::copy_some(uint32_t slots_max) {
  const index::Cut cut = from_->index.cut();
  for (; slots_max > 0 && !caught_up(); --slots_max) {
    const auto slot = static_cast<index::Slot>(to_slot_.size());
    if (!from_->index.live(slot, cut)) {
      to_slot_.push_back(kNone);
      continue;
    }
    const ShardContent::Row& row = from_->rows[slot];
    to_slot_.push_back(static_cast<index::Slot>(to_->rows.size()));
    to_->put_stored(row.id, row.version, from_->index.vector(slot));
  }
  return caught_up();
}

void ShardRebuild::removed(index::Slot slot) {
  if (forget_deletes_ || slot >= to_slot_.size() || to_slot_[slot] == kNone) return;
  const index::Slot copy = std::exchange(to_slot_[slot], kNone);
  to_->index.remove(copy);
  const auto found = to_->slots.find(to_->rows[copy].id);
  if (found != to_->slots.end() && found->second == copy) to_->slots.erase(found);
}

}  // namespace vectron
