#include "sim/world/env.h"

#include <fmt/format.h>

#include "sim/world/world.h"

namespace vectron::sim {

WallTime NodeClock::wall() {
  node_.clock_was_read(true);
  return clock_.wall(scheduler_.now());
}

Instant NodeClock::scheduler_time(Instant local) {
  node_.clock_was_read(false);
  return clock_.world_time(local);
}

bool SimLog::enabled(LogLevel level) const {
  return world_.config().log_sink != nullptr && level >= world_.config().log_level;
}

void SimLog::write(LogLevel level, std::string_view component, std::string_view text) {
  if (!enabled(level)) return;
  world_.config().log_sink({world_.now(), node_.name(), level, component, text});
}

SimEnv::SimEnv(SimWorld* world, SimNode* node, uint64_t incarnation)
    : world_(*world),
      node_(*node),
      incarnation_(incarnation),
      scheduler_(&world->queue(),
                 RandomStream(world->seed(), fmt::format("sched[{}]", node->name()), incarnation),
                 node->event_owner()),
      clock_(node, &node->clock(), &scheduler_),
      network_(world, &world->network(), node, &scheduler_),
      message_fates_(world->seed(), fmt::format("message[{}]", node->name()), incarnation),
      log_(world, node),
      disk_(world, node, &scheduler_),
      cpu_(&scheduler_, kNodeCores,
           RandomStream(world->seed(), fmt::format("cpu[{}]", node->name()), incarnation),
           [world, node](Duration turn) { world->loop_was_held(*node, turn); }) {}

RandomStream SimEnv::random(std::string_view name) {
  return RandomStream(world_.seed(), fmt::format("node[{}].{}", node_.name(), name), incarnation_);
}

bool SimEnv::buggify(std::string_view point) {
  const WorldConfig& config = world_.config();
  if (config.buggify_point_ppm == 0) return false;
  const auto [found, is_new] = buggify_points_.try_emplace(point);
  BuggifyPoint& state = found->second;
  if (is_new) {
    // Active in the whole run or not at all: one draw for all nodes and incarnations.
    RandomStream activity(world_.seed(), fmt::format("buggify[{}]", point));
    state.active = activity.chance_ppm(config.buggify_point_ppm);
    state.random = random(fmt::format("buggify[{}]", point));
  }
  if (!state.active || !state.random.chance_ppm(config.buggify_fire_ppm)) return false;
  world_.record(TraceKind::buggify, node_.index(), hash64(point));
  return true;
}

bool SimEnv::planted(std::string_view name) {
  return world_.config().planted.contains(name);
}

MessageFate SimEnv::message_fate() {
  const MessageFaults& faults = world_.config().messages;
  const uint32_t any_ppm = faults.lose_ppm + faults.repeat_ppm + faults.overtake_ppm;
  if (any_ppm == 0 || !world_.fault_enabled(FaultClass::message)) return MessageFate::deliver;
  const uint64_t draw = message_fates_.below(1'000'000);
  if (draw >= any_ppm) return MessageFate::deliver;
  world_.fault_fired(FaultClass::message);
  if (draw < faults.lose_ppm) return MessageFate::lose;
  return draw < faults.lose_ppm + faults.repeat_ppm ? MessageFate::repeat : MessageFate::overtake;
}

}  // namespace vectron::sim
