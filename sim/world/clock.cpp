#include "sim/world/clock.h"

#include "core/base/assert.h"

namespace vectron::sim {
namespace {

// 2025-01-01 00:00 UTC.
constexpr Duration kWallAtStart = std::chrono::seconds(1'735'689'600);
constexpr int64_t kBillion = 1'000'000'000;

int64_t divide_down(__int128 value, int64_t divisor) {
  __int128 quotient = value / divisor;
  if (value % divisor < 0) --quotient;
  return static_cast<int64_t>(quotient);
}

int64_t divide_up(__int128 value, int64_t divisor) {
  return -divide_down(-value, divisor);
}

}  // namespace

SimClock::SimClock(Start start)
    : local_base_(start.monotonic_offset),
      wall_offset_(kWallAtStart + start.wall_offset - start.monotonic_offset),
      drift_ppb_(start.drift_ppb) {
  VECTRON_ASSERT(drift_ppb_ > -kBillion / 2 && drift_ppb_ < kBillion, "drift {}", drift_ppb_);
}

Instant SimClock::monotonic(Instant world) const {
  const int64_t elapsed = (world - world_base_).count();
  if (drift_ppb_ == 0) return local_base_ + Duration(elapsed);
  return local_base_ +
         Duration(divide_down(static_cast<__int128>(elapsed) * (kBillion + drift_ppb_), kBillion));
}

WallTime SimClock::wall(Instant world) const {
  return WallTime(monotonic(world).time_since_epoch() + wall_offset_);
}

Instant SimClock::world_time(Instant local) const {
  if (local == kNever) return kNever;
  const __int128 ahead = static_cast<__int128>(local.time_since_epoch().count()) -
                         local_base_.time_since_epoch().count();
  // A time so far ahead that the conversion could overflow never comes.
  if (ahead > INT64_MAX / 4) return kNever;
  const int64_t elapsed = drift_ppb_ == 0 ? static_cast<int64_t>(ahead)
                                          : divide_up(ahead * kBillion, kBillion + drift_ppb_);
  return world_base_ + Duration(elapsed);
}

void SimClock::set_drift(Instant world, int64_t drift_ppb) {
  VECTRON_ASSERT(drift_ppb > -kBillion / 2 && drift_ppb < kBillion, "drift {}", drift_ppb);
  local_base_ = monotonic(world);
  world_base_ = world;
  drift_ppb_ = drift_ppb;
}

}  // namespace vectron::sim
