// What a failure of a worker or placement node means to the gateway. Pure.
#pragma once

#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/rpc/calls/access.h"

namespace vectron::gateway {

using rpc::Access;

/// What to do about a failed attempt.
enum class Verdict : uint8_t {
  /// Tell the caller.
  give_up,
  /// Ask another node, or the same one later.
  ask_on,
  /// The sender's route is stale: fetch it, then ask on.
  refresh,
};

/// Judges the answer of a worker that was asked for a shard: `not_found` is "I do not hold that"
/// here.
Verdict judge_shard_failure(Code code, Access access);
/// The same for the placement driver, where `not_found` and `failed_precondition` are answers.
Verdict judge_placement_failure(Code code, Access access);

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

}  // namespace vectron::gateway
