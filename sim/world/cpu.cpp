#include "sim/world/cpu.h"

#include <algorithm>

namespace vectron::sim {

Task<void> SimCpu::run(CpuCost cost, std::function<void()> work) {
  const uint64_t draw = random_.next();
  const uint64_t nanoseconds = cost.nanoseconds + (draw >> 1) % (cost.nanoseconds / 2 + 1);
  Instant& core = *std::ranges::min_element(cores_free_at_);
  WorkLane::Slot slot;
  slot.begin = std::max(core, scheduler_.now());
  slot.end = slot.begin + Duration(nanoseconds);
  slot.runs_at_begin = (draw & 1) != 0;
  core = slot.end;
  return lane_.run(slot, std::move(work));
}

}  // namespace vectron::sim
