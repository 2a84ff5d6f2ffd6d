// Attempts: whom to ask next when a node could not do a thing, and how long to pause before.
//
// Pure: it neither asks nor sleeps nor reads a clock. The placement link and the shard caller each
// drive one for each operation.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/random.h"
#include "core/base/status.h"
#include "core/base/time.h"

namespace vectron::gateway {

/// What an operation does, as far as repeating it is concerned.
enum class Access : uint8_t {
  /// May be repeated whatever became of it.
  read,
  /// May be repeated only when it certainly was not done.
  write,
  /// May be repeated whatever became of it, because whoever does it recognises a repetition; but
  /// when it fails in the end, an attempt may have been the one that did it.
  repeatable_write,
};

/// What to do about a failed attempt.
enum class Verdict : uint8_t {
  /// Tell the caller.
  give_up,
  /// Ask another node, or the same one later.
  ask_on,
  /// The sender's route is stale: fetch it, then ask on.
  refresh,
};

/// Judges the answer of a node that was asked for something of its own (a shard, the placement
/// driver's state). `not_found` is "I do not hold that" here.
Verdict judge_shard_failure(Code code, Access access);
/// The same for the placement driver, where `not_found` and `failed_precondition` are answers.
Verdict judge_placement_failure(Code code, Access access);

/// The code that a client is told: a read whose outcome is unknown simply was not answered, and a
/// write that ended with a code that says nothing has an unknown outcome.
Code public_code(Code code, Access access);

/// The one of two failures of equal parts that a client is told: what no repetition mends before
/// what may pass by itself, so that nobody who repeats what "may pass" waits for what will not.
Code graver(Code one, Code other);

/// Whether a worker says that its copy of the shard is damaged, and that it therefore did not
/// begin.
bool is_damaged_copy(const Status& failure);

/// Which members of a shard said so when they were last asked.
class DamagedCopies {
 public:
  explicit DamagedCopies(size_t members) : damaged_(members) {}
  void note(size_t member, bool damaged) { damaged_[member] = damaged; }
  size_t count() const;
  size_t members() const { return damaged_.size(); }
  /// Whether no repetition helps: all are damaged, or a majority is where it takes one.
  bool hopeless(bool any_replica) const;

 private:
  std::vector<bool> damaged_;
};

/// Whether nobody listens at any of those that were asked: each refused the connection when it was
/// last asked, and there was some patience with them, for a process that starts again is soon back.
class NobodyListens {
 public:
  NobodyListens(size_t targets, Instant patient_until)
      : targets_(targets), patient_until_(patient_until) {}
  void note(const Status& failure);
  /// There are others to ask now.
  void restart(size_t targets);
  /// Whether the caller is told, rather than asking again at `next`.
  bool holds(Instant next) const { return in_a_row_ >= targets_ && next >= patient_until_; }

 private:
  size_t targets_;
  Instant patient_until_;
  size_t in_a_row_ = 0;
};

/// Reads for which a node has no room at the moment (resource_exhausted): it is asked again a few
/// times, for a burst of answers to others may have taken all room for a moment. Writes are not:
/// their clients are told at once to come with less.
class PatienceForRoom {
 public:
  static constexpr int kTriesMax = 3;
  explicit PatienceForRoom(Duration pause) : pause_(pause) {}
  /// How long to wait before the same node is asked again; none: the failure is judged as ever.
  std::optional<Duration> after(Code code, Access access);

 private:
  int tries_ = 0;
  /// The next one, which is twice as long each time.
  Duration pause_;
};

/// How long there is patience with those that refuse connections: a start takes less.
inline constexpr Duration kRefusedPatience = 1s;

/// Whether an attempt that ended with `code` may have done what was asked.
bool may_have_been_done(Code code, Access access);

struct AttemptLimits {
  uint32_t attempts_max = 64;
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
  /// How many failed so far.
  uint32_t failed() const { return failed_; }

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

}  // namespace vectron::gateway
