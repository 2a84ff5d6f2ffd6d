#include "sim/world/env.h"

#include <fmt/format.h>

#include "sim/world/world.h"

namespace vectron::sim {

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
                 RandomStream(world->seed(), fmt::format("sched[{}]", node->name()), incarnation)),
      clock_(&node->clock(), &scheduler_),
      network_(world, &world->network(), node, &scheduler_),
      log_(world, node),
      disk_(world, node, &scheduler_),
      cpu_(&scheduler_, node->options().cores,
           RandomStream(world->seed(), fmt::format("cpu[{}]", node->name()), incarnation)) {}

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

}  // namespace vectron::sim
