// HandOverWatch: when a leader whose own disk stands still should leave its group to another
// member. Pure.
//
// Two things may stand still: the log, so that nothing of its own becomes durable, and the store,
// so that nothing is applied. It is counted in ticks; after each try there is a pause.
#pragma once

#include <cstdint>

#include "core/replica/stall_watch.h"

namespace vectron {

class HandOverWatch {
 public:
  explicit HandOverWatch(uint32_t election_ticks) : election_ticks_(election_ticks) {}

  /// What waits, and what changes whenever some of it was done.
  struct Sight {
    bool log_waits = false;
    uint64_t log_position = 0;
    bool apply_waits = false;
    uint64_t apply_position = 0;
  };
  /// One tick has passed.
  void tick(const Sight& sight);
  /// Something has stood still for election_ticks, and the last try is long enough ago: a try is
  /// given up after election_ticks, and asking again would put off the check of the quorum. Where
  /// the log stands still, only when others can vote (see hand_over.h).
  bool is_due(bool others_can_vote) const;
  /// Counts from 0: for hand_over_target, so that each try has another target.
  uint64_t attempt() const { return attempts_; }
  /// A try begins.
  void tried();

 private:
  uint32_t election_ticks_;
  StallWatch log_;
  StallWatch apply_;
  /// Until the next try.
  uint32_t pause_ticks_ = 0;
  uint64_t attempts_ = 0;
};

}  // namespace vectron
