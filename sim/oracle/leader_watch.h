// LeaderWatch: while nothing is wrong but full disks, every group has a leader.
//
// A start on a full disk has room for votes (docs/decisions/0066-room-for-a-vote.md). Asked by the
// supervisor of a run's nodes at each of its looks; judges only where the plan leaves the network
// alone and logs have a reserve, where all processes have run for long enough, and groups that have
// had a leader before.
#pragma once

#include <map>
#include <optional>

#include "core/base/ids.h"
#include "sim/oracle/violation.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

class ReplicaWatch;

class LeaderWatch {
 public:
  /// All outlive it.
  LeaderWatch(const Plan* plan, const ReplicaWatch* watch, ViolationLog* log);

  struct Machines {
    /// None is down, paused or slow for another reason.
    bool all_run = false;
    /// Some disk is full, and every process whose disk is full has started since it is.
    bool started_full = false;
  };
  /// The plan's faults have their times from here on; nothing is judged before.
  void workload_begins(Instant now) { begin_ = now; }
  void look(Instant now, Machines machines);

 private:
  /// Whether a fault other than a full disk may be felt at `now`.
  bool is_disturbed(Instant now) const;

  const Plan& plan_;
  const ReplicaWatch& watch_;
  ViolationLog& log_;
  const Duration patience_;
  const bool judges_;
  std::optional<Instant> begin_;
  Instant calm_since_{};
  /// When each group had a leader last.
  std::map<GroupId, Instant> led_;
  bool reported_ = false;
};

}  // namespace vectron::sim
