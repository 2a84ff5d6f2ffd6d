// Inquiry: one operation's way from its first attempt to what its caller is told, when any of
// several nodes may be the one that can do it.
//
//   Inquiry inquiry(limits, &random, {access, nodes, leader.node(), now, deadline});
//   loop: ask the node target() until attempt_deadline(); it answered: done;
//         a failure that asking on cannot mend (worth_asking_on()): told(failure);
//         advance(failure, hint); sleep until next(); none: told(failure).
//
// Pure: it neither asks nor sleeps nor reads a clock. The caller knows which failures are worth
// asking on, and what a hint looks like.
#pragma once

#include <optional>

#include "core/rpc/calls/attempts.h"
#include "core/rpc/calls/doubt.h"
#include "core/rpc/calls/nobody_listens.h"

namespace vectron::rpc {

struct InquiryLimits {
  AttemptLimits attempts;
  /// How long one node may think about what may be repeated before another one is asked.
  Duration attempt_timeout = 2s;
  /// How long there is patience with nodes of which each refuses the connection; by default more
  /// than the start of a process takes.
  Duration refused_patience = 1s;
};

class Inquiry {
 public:
  struct Question {
    Access access = Access::read;
    /// How many nodes may be asked, numbered from 0, and which is the first.
    size_t targets = 1;
    size_t first = 0;
    Instant now;
    Instant deadline;
  };

  /// `random` outlives it. Requires: targets > 0, first < targets.
  Inquiry(const InquiryLimits& limits, RandomStream* random, const Question& question);

  /// Whom to ask now.
  size_t target() const { return attempts_.target(); }
  Instant deadline() const { return deadline_; }
  /// When the attempt that begins now is given up.
  Instant attempt_deadline(Instant now) const;

  /// The attempt failed and is worth asking on; `hint` is the node that the target named instead.
  /// `begun` is false of a target that certainly did not begin, whatever the code says.
  void advance(const Status& failure, std::optional<size_t> hint, bool begun = true);
  /// There are others to ask now: another walk begins; the count, the pause and the doubt stay.
  void restart(size_t targets, size_t first);

  bool exhausted() const { return exhausted_; }
  /// Whether the next attempt begins another round, after a pause.
  bool begins_round() const { return attempts_.pause() > Duration(0); }
  /// When to ask target(); none when the caller is told instead: no attempt is left, the time is
  /// over by then, or nobody listens.
  std::optional<Instant> next(Instant now) const;

  /// Whether an earlier attempt may have done it.
  bool in_doubt() const { return doubt_.exists(); }
  Status told(const Status& failure) const { return doubt_.told(failure); }

 private:
  Access access_;
  Instant deadline_;
  Duration attempt_timeout_;
  Attempts attempts_;
  Doubt doubt_;
  NobodyListens nobody_listens_;
  bool exhausted_ = false;
};

}  // namespace vectron::rpc
