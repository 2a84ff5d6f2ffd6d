#include "sim/world/cpu.h"

#include <algorithm>

namespace vectron::sim {

Task<void> SimCpu::run(CpuCost cost, std::function<void()> work) {
  const uint64_t draw = random_.next();
  const uint64_t delay_max =
      cost.background ? cost.nanoseconds * (kBackgroundSlowdown - 1) : cost.nanoseconds / 2;
  const uint64_t nanoseconds = cost.nanoseconds + (draw >> 1) % (delay_max + 1);
  std::vector<Instant>& lanes = cost.background ? background_free_at_
                                : cost.prompt   ? prompt_free_at_
                                                : cores_free_at_;
  Instant& core = *std::ranges::min_element(lanes);
  WorkLane::Slot slot;
  slot.begin = std::max(core, scheduler_.now());
  slot.end = slot.begin + Duration(nanoseconds);
  slot.runs_at_begin = (draw & 1) != 0;
  core = slot.end;
  return lane_.run(slot, std::move(work));
}

void SimCpu::worked_on_loop(CpuCost cost) {
  const uint64_t event = scheduler_.queue().events_run();
  if (event != std::exchange(event_, event)) worked_ = {};
  const bool was_long = worked_ > kTurnMax;
  worked_ += Duration(static_cast<int64_t>(cost.nanoseconds));
  if (!was_long && worked_ > kTurnMax && on_long_turn_) on_long_turn_(worked_);
}

}  // namespace vectron::sim
