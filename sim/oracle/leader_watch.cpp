#include "sim/oracle/leader_watch.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/oracle/replica_watch.h"

namespace vectron::sim {

namespace {

/// Of which one may fail after the other.
constexpr uint32_t kElections = 3;
/// A start, and what goes before an election.
constexpr Duration kPatienceMin = 3s;
/// What an instant's fault is felt for.
constexpr uint32_t kAftermathMs = 1'000;

}  // namespace

LeaderWatch::LeaderWatch(const Plan* plan, const ReplicaWatch* watch, ViolationLog* log)
    : plan_(*plan),
      watch_(*watch),
      log_(*log),
      patience_(kPatienceMin + kElections * 2 * plan->knobs.election_ticks *
                                   std::chrono::milliseconds(plan->knobs.tick_ms)),
      judges_(leaves_network_alone(plan->intensities) && plan->knobs.wal_reserve_bytes > 0) {}

bool LeaderWatch::is_disturbed(Instant now) const {
  if (!begin_.has_value()) return true;
  const auto now_ms = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(now - *begin_).count());
  return std::ranges::any_of(plan_.faults, [&](const PlannedFault& fault) {
    if (fault.fault_class == FaultClass::disk_full || now_ms < fault.at_ms) return false;
    const uint64_t length = uint64_t{fault.duration_ms} * (fault.rounds + 1);
    return now_ms <= fault.at_ms + length + kAftermathMs;
  });
}

void LeaderWatch::look(Instant now, Machines machines) {
  if (!judges_ || reported_) return;
  if (!machines.all_run || is_disturbed(now)) calm_since_ = now;
  for (const GroupId group : watch_.groups()) {
    if (watch_.leader_of(group)) led_[group] = now;
    const auto found = led_.find(group);
    // One that never had a leader is being born, and a birth may wait for space.
    if (found == led_.end() || watch_.is_going(group)) continue;
    const Instant led = found->second;
    if (!machines.started_full || now - std::max(led, calm_since_) < patience_) continue;
    reported_ = true;
    log_.add(oracle::kFullDisk, now,
             fmt::format("group {} has no leader for {} s, {} of its replicas run, and nothing is "
                         "wrong but full disks",
                         group, to_seconds(now - std::max(led, calm_since_)),
                         watch_.sights(group).size()));
    return;
  }
}

}  // namespace vectron::sim
