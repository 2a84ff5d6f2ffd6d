#include "services/worker/upkeep_config.h"

namespace vectron {

namespace {

constexpr uint64_t kMillion = 1'000'000;
// Looking through a graph takes about as long as linking a thousandth of it.
constexpr uint64_t kMendNodesMin = 1'000;
constexpr uint32_t kMendSharePpm = 100'000;

/// part / whole >= ppm, for numbers of any size.
bool is_share(uint64_t part, uint64_t whole, uint32_t ppm) {
  return static_cast<unsigned __int128>(part) * kMillion >=
         static_cast<unsigned __int128>(whole) * ppm;
}

}  // namespace

Result<void> UpkeepConfig::validate() const {
  const auto wrong = [](std::string_view field, std::string_view what) {
    return fail(Code::invalid_argument, std::string(what), std::string(field));
  };
  if (check_interval <= Duration::zero()) return wrong("check_interval", "must be above zero");
  if (checkpoint_points_min == 0) return wrong("checkpoint_points_min", "must be at least 1");
  if (checkpoint_share_ppm > kMillion) {
    return wrong("checkpoint_share_ppm", "must be at most 1000000");
  }
  if (checkpoint_idle < Duration::zero()) return wrong("checkpoint_idle", "must not be negative");
  if (checkpoint_pause_min < Duration::zero()) {
    return wrong("checkpoint_pause_min", "must not be negative");
  }
  if (checkpoint_bytes_per_second_max < 1'024) {
    return wrong("checkpoint_bytes_per_second_max", "must be at least 1024");
  }
  if (checkpoint_stop_timeout < Duration::zero()) {
    return wrong("checkpoint_stop_timeout", "must not be negative");
  }
  if (rebuild_tombstones_min == 0) return wrong("rebuild_tombstones_min", "must be at least 1");
  if (rebuild_tombstones_ppm == 0 || rebuild_tombstones_ppm > kMillion) {
    return wrong("rebuild_tombstones_ppm", "must be between 1 and 1000000");
  }
  if (rebuild_slice_points == 0) return wrong("rebuild_slice_points", "must be at least 1");
  if (rebuild_growth_ppm_max == 0) return wrong("rebuild_growth_ppm_max", "must be at least 1");
  if (rebuild_pause_min < Duration::zero()) {
    return wrong("rebuild_pause_min", "must not be negative");
  }
  return {};
}

bool checkpoint_is_due(const UpkeepConfig& config, const CheckpointProgress& progress) {
  if (progress.changes == 0 || progress.since_attempt < config.checkpoint_pause_min) return false;
  if (progress.since_change >= config.checkpoint_idle) return true;
  return progress.changes >= config.checkpoint_points_min &&
         is_share(progress.changes, progress.points, config.checkpoint_share_ppm);
}

bool mend_is_due(const UpkeepConfig& config, const MendProgress& progress) {
  if (progress.nodes == progress.nodes_mended) return false;
  if (progress.nodes_mended == 0 || progress.since_change >= config.checkpoint_idle) return true;
  return progress.nodes >= progress.nodes_mended + kMendNodesMin &&
         is_share(progress.nodes - progress.nodes_mended, progress.nodes, kMendSharePpm);
}

bool rebuild_is_worthwhile(uint64_t slots, uint64_t tombstones) {
  return tombstones > 0 && tombstones >= slots / 8;
}

RebuildStep rebuild_step(const UpkeepConfig& config, const RebuildProgress& progress) {
  const bool caught_up = progress.uncopied == 0 &&
                         progress.unlinked <= progress.old_unlinked + config.rebuild_slice_points;
  if (caught_up) return RebuildStep::change_places;
  const uint64_t growth = progress.slots - progress.slots_before;
  const bool outrun = growth >= config.rebuild_tombstones_min &&
                      is_share(growth, progress.slots_before, config.rebuild_growth_ppm_max);
  return outrun ? RebuildStep::give_up : RebuildStep::go_on;
}

bool rebuild_is_due(const UpkeepConfig& config, uint64_t slots, uint64_t tombstones) {
  return tombstones >= config.rebuild_tombstones_min &&
         is_share(tombstones, slots, config.rebuild_tombstones_ppm);
}

}  // namespace vectron
