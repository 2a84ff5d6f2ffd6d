#include "core/index/tombstones.h"

#include "core/base/assert.h"

namespace vectron::index {

void Tombstones::remove(Slot slot) {
  VECTRON_ASSERT(live_now(slot), "slot {} is removed already", slot);
  const uint32_t number = count() + 1;
  std::atomic_ref(*removed_at_.mutable_element(slot)).store(number, std::memory_order_relaxed);
  count_.store(number, std::memory_order_relaxed);
}

}  // namespace vectron::index
