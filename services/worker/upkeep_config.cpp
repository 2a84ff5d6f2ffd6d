#include "services/worker/upkeep_config.h"

#include "core/base/need.h"

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
  VECTRON_CHECK_OK(need_positive(check_interval, "check_interval"));
  VECTRON_CHECK_OK(need_positive(checkpoint_points_min, "checkpoint_points_min"));
  VECTRON_CHECK_OK(
      need(checkpoint_share_ppm <= kMillion, "checkpoint_share_ppm", "must be at most 1000000"));
  VECTRON_CHECK_OK(need_not_negative(checkpoint_idle, "checkpoint_idle"));
  VECTRON_CHECK_OK(need_not_negative(checkpoint_pause_min, "checkpoint_pause_min"));
  VECTRON_CHECK_OK(
      need_at_least(checkpoint_bytes_per_second_max, 1'024, "checkpoint_bytes_per_second_max"));
  VECTRON_CHECK_OK(need_not_negative(checkpoint_stop_timeout, "checkpoint_stop_timeout"));
  VECTRON_CHECK_OK(need_positive(rebuild_tombstones_min, "rebuild_tombstones_min"));
  VECTRON_CHECK_OK(need_between(rebuild_tombstones_ppm, 1, kMillion, "rebuild_tombstones_ppm"));
  VECTRON_CHECK_OK(need_positive(rebuild_slice_points, "rebuild_slice_points"));
  VECTRON_CHECK_OK(need_positive(rebuild_growth_ppm_max, "rebuild_growth_ppm_max"));
  return need_not_negative(rebuild_pause_min, "rebuild_pause_min");
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
