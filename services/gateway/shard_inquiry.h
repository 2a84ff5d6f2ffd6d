// ShardInquiry: one operation's way over the copies of a shard, and when its route is fetched anew.
// Pure.
#pragma once

#include "services/gateway/failures.h"
#include "services/gateway/operation.h"
#include "services/gateway/route.h"

namespace vectron::gateway {

/// What speaks for a route that is stale, weakest first.
enum class Evidence : uint8_t {
  none,
  /// A whole round in vain: perhaps the workers are elsewhere by now.
  guess,
  /// A refusal names a member at another address; whoever refused may be the one that is behind.
  address,
  /// The epoch is old, the shard is not there, or a stranger leads it.
  known,
};

/// Which refreshes a request has had: each kind of evidence has its own, so that a weak one does
/// not use up that of a strong one.
class Refreshes {
 public:
  bool allows(Evidence evidence) const;
  /// A refresh that failed says nothing about the route: what is known to be stale is asked for
  /// again.
  void note(Evidence evidence, bool succeeded);

 private:
  bool guessed_ = false;
  bool address_failed_ = false;
  bool refreshed_ = false;
};

class ShardInquiry {
 public:
  /// `random` outlives it.
  ShardInquiry(const rpc::InquiryLimits& limits, RandomStream* random, const Operation& operation,
               const Route::Shard& shard, Instant now, Instant deadline);

  /// Whom of the shard's members to ask now.
  size_t member() const { return inquiry_.target(); }
  Instant attempt_deadline(Instant now) const { return inquiry_.attempt_deadline(now); }

  /// When the same member is asked again, which may have room in a moment; none: the failure is to
  /// be judged.
  std::optional<Instant> same_again(const Status& failure, Instant now);

  /// Judges the failure of the member that was asked. Returns whether the route is to be fetched
  /// anew before the next attempt; refreshed() follows then. Errors: what the caller is told.
  Result<bool> judge(const Status& failure, const Route::Shard& shard);
  void refreshed(bool succeeded) { refreshes_.note(evidence_, succeeded); }
  /// The route was fetched anew, and this is the shard now.
  void restart(const Route::Shard& shard);

  /// When to ask member(). Errors: what the caller is told instead.
  Result<Instant> next(Instant now) const;

  /// What the caller is told of a failure that no member told: unknown_outcome when an attempt may
  /// have done it.
  Status told(const Status& failure) const { return inquiry_.told(failure); }

 private:
  size_t first_member(const Route::Shard& shard) const;

  Operation operation_;
  RandomStream* random_;
  rpc::Inquiry inquiry_;
  Refreshes refreshes_;
  PatienceForRoom patience_for_room_;
  DamagedCopies damaged_copies_;
  Evidence evidence_ = Evidence::none;
  /// What the caller is told when there is no further attempt.
  Status in_the_end_;
};

}  // namespace vectron::gateway
