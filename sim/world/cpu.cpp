#include "sim/world/cpu.h"

#include <algorithm>

namespace vectron::sim {

Task<void> SimCpu::run(CpuCost cost, std::function<void()> work) {
  const uint64_t draw = random_.next();
  const uint64_t delay_max =
      cost.background ? cost.nanoseconds * (kBackgroundSlowdown - 1) : cost.nanoseconds / 2;
  const uint64_t nanoseconds = cost.nanoseconds + (draw >> 1) % (delay_max + 1);
  const auto slot = std::make_shared<WorkLane::Slot>();
  slot->runs_at_begin = (draw & 1) != 0;
  if (cost.background) {
    Instant& core = *std::ranges::min_element(background_free_at_);
    slot->begin = std::max(core, scheduler_.now());
    slot->end = slot->begin + Duration(nanoseconds);
    core = slot->end;
  } else {
    put_in_line({slot, cost.prompt}, Duration(nanoseconds));
  }
  return lane_.run(slot, std::move(work));
}

SimCpu::Core::const_iterator SimCpu::place_in(const Core& core, bool prompt) const {
  if (!prompt) return core.end();
  return std::ranges::find_if(core, [this](const Work& work) {
    return !work.prompt && work.slot->begin > scheduler_.now();
  });
}

void SimCpu::put_in_line(Work work, Duration length) {
  const Instant now = scheduler_.now();
  for (Core& core : cores_) {
    while (!core.empty() && core.front().slot->end <= now) core.pop_front();
  }
  const auto begin_on = [&](const Core& core) {
    const auto next = place_in(core, work.prompt);
    return next == core.begin() ? now : std::prev(next)->slot->end;
  };
  Core& core = *std::ranges::min_element(cores_, {}, begin_on);
  work.slot->begin = begin_on(core);
  work.slot->end = work.slot->begin + length;
  const auto place = place_in(core, work.prompt);
  for (auto later = place; later != core.end(); ++later) lane_.put_off(later->slot.get(), length);
  core.insert(place, std::move(work));
}

void SimCpu::worked_on_loop(CpuCost cost) {
  const uint64_t event = scheduler_.queue().events_run();
  if (event != std::exchange(event_, event)) worked_ = {};
  const bool was_long = worked_ > kTurnMax;
  worked_ += Duration(static_cast<int64_t>(cost.nanoseconds));
  if (!was_long && worked_ > kTurnMax && on_long_turn_) on_long_turn_(worked_);
}

}  // namespace vectron::sim
