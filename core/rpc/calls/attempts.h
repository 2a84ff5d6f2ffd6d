// Attempts: whom to ask next when a node could not do a thing, and how long to pause before.
//
// Pure: it neither asks nor sleeps nor reads a clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/random.h"
#include "core/base/time.h"

namespace vectron::rpc {

struct AttemptLimits {
  /// Hints followed included.
  uint32_t attempts_max = 64;
  /// The pause before the second round; each further one is twice as long, up to the other.
  Duration backoff_min = 10ms;
  Duration backoff_max = 500ms;
};

/// One operation's walk over `targets` nodes, numbered from 0. A round asks each node once; within
/// it there is no pause. Each further round begins after a pause that doubles.
class Attempts {
 public:
  /// Requires: targets > 0, first < targets.
  Attempts(AttemptLimits limits, RandomStream* random, size_t targets, size_t first);

  /// Whom to ask now.
  size_t target() const { return target_; }
  /// How long to wait before asking; zero within a round.
  Duration pause() const { return pause_; }

  /// The attempt failed. `hint` is the node that the target named instead. Returns whether another
  /// attempt is allowed; if so, target() and pause() are those of the next one.
  bool advance(std::optional<size_t> hint);

  /// The route was fetched anew: begins another walk and keeps the count and the pause.
  void restart(size_t targets, size_t first);

 private:
  void begin_round();

  AttemptLimits limits_;
  RandomStream* random_;
  size_t targets_;
  size_t target_;
  size_t asked_in_round_ = 1;
  /// At most one hint a round, so that two nodes that name each other do not spin.
  bool hint_followed_ = false;
  uint32_t failed_ = 0;
  Duration backoff_{};
  Duration pause_{};
};

}  // namespace vectron::rpc
