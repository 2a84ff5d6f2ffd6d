// ShardRebuild: a new content of the same points without the tombstones, built beside the old one.
//
// Copies the live points in order of slots, a few at a time, while searches and writes go on in the
// old content. What is written meanwhile has slots behind the copy's, so the copy comes to it; what
// dies after it was copied is removed from the copy too. Once the copy has caught up, and no await
// lies between, the new content can take the old one's place. Owned by ShardState; event loop only.
#pragma once

#include <memory>
#include <vector>

#include "services/worker/shard_content.h"

namespace vectron {

class ShardRebuild {
 public:
  /// `forget_deletes` is a planted bug.
  ShardRebuild(std::shared_ptr<const ShardContent> from, const ShardOptions& options,
               bool forget_deletes);

  /// Copies up to `slots_max` of the old slots; true when all are done.
  bool copy_some(uint32_t slots_max);
  bool caught_up() const { return uncopied() == 0; }
  /// Old slots that were not looked at yet.
  uint64_t uncopied() const { return from_->rows.size() - to_slot_.size(); }
  /// A slot of the old content was removed.
  void removed(index::Slot slot);

  const std::shared_ptr<const ShardContent>& from() const { return from_; }
  const std::shared_ptr<ShardContent>& to() const { return to_; }

 private:
  static constexpr index::Slot kNone = UINT32_MAX;

  std::shared_ptr<const ShardContent> from_;
  std::shared_ptr<ShardContent> to_;
  /// By old slot, as far as copied; kNone: it was dead.
  std::vector<index::Slot> to_slot_;
  const bool forget_deletes_;
};

}  // namespace vectron
