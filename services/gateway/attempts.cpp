#include "services/gateway/attempts.h"

#include <algorithm>
#include <utility>

#include "core/base/assert.h"
#include "core/env/refused.h"

namespace vectron::gateway {

Verdict judge_shard_failure(Code code, Access access) {
  switch (code) {
    case Code::unavailable:
    case Code::deadline_exceeded:
    case Code::aborted:
      return Verdict::ask_on;
    case Code::failed_precondition:
    case Code::not_found:
      return Verdict::refresh;
    case Code::unknown_outcome:
    case Code::cancelled:
    case Code::data_loss:
    case Code::unknown:
      return access == Access::write ? Verdict::give_up : Verdict::ask_on;
    default:
      return Verdict::give_up;
  }
}

Verdict judge_placement_failure(Code code, Access access) {
  switch (code) {
    case Code::not_found:
    case Code::failed_precondition:
      return Verdict::give_up;
    default:
      return judge_shard_failure(code, access);
  }
}

Code public_code(Code code, Access access) {
  const bool says_nothing =
      code == Code::unknown_outcome || code == Code::cancelled || code == Code::unknown;
  if (!says_nothing) return code;
  return access == Access::read ? Code::unavailable : Code::unknown_outcome;
}

namespace {

// Greater is graver. What the client can mend itself comes last, for it has the most use of it.
int gravity(Code code) {
  switch (code) {
    case Code::ok:
      return 0;
    case Code::unavailable:
    case Code::cancelled:
    case Code::unknown:
      return 1;
    case Code::deadline_exceeded:
    case Code::aborted:
      return 2;
    case Code::resource_exhausted:
    case Code::failed_precondition:
      return 3;
    case Code::data_loss:
    case Code::internal:
    case Code::unimplemented:
      return 4;
    case Code::invalid_argument:
    case Code::not_found:
    case Code::already_exists:
    case Code::permission_denied:
    case Code::unauthenticated:
    case Code::out_of_range:
      return 5;
    case Code::unknown_outcome:
      return 6;
  }
  return 1;
}

}  // namespace

Code graver(Code one, Code other) {
  return gravity(other) > gravity(one) ? other : one;
}

bool is_damaged_copy(const Status& failure) {
  return failure.code() == Code::data_loss && failure.field() == "shard_id";
}

size_t DamagedCopies::count() const {
  return static_cast<size_t>(std::count(damaged_.begin(), damaged_.end(), true));
}

bool DamagedCopies::hopeless(bool any_replica) const {
  const size_t whole = members() - count();
  return whole < (any_replica ? 1 : members() / 2 + 1);
}

std::optional<Duration> PatienceForRoom::after(Code code, Access access) {
  if (code != Code::resource_exhausted || access != Access::read) return std::nullopt;
  if (tries_ == kTriesMax) return std::nullopt;
  ++tries_;
  return std::exchange(pause_, 2 * pause_);
}

void NobodyListens::note(const Status& failure) {
  in_a_row_ = failure.field() == kRefusedField ? in_a_row_ + 1 : 0;
}

void NobodyListens::restart(size_t targets) {
  targets_ = targets;
  in_a_row_ = 0;
}

bool may_have_been_done(Code code, Access access) {
  return access != Access::read && !certainly_not_done(code);
}

Attempts::Attempts(AttemptLimits limits, RandomStream* random, size_t targets, size_t first)
    : limits_(limits), random_(random), targets_(targets), target_(first) {
  VECTRON_ASSERT(targets > 0 && first < targets, "{} of {}", first, targets);
  backoff_ = limits_.backoff_min;
}

bool Attempts::advance(std::optional<size_t> hint) {
  if (++failed_ >= limits_.attempts_max) return false;
  pause_ = Duration(0);
  if (hint && *hint < targets_ && *hint != target_ && !hint_followed_) {
    hint_followed_ = true;
    target_ = *hint;
    return true;
  }
  if (asked_in_round_ < targets_) {
    ++asked_in_round_;
    target_ = (target_ + 1) % targets_;
    return true;
  }
  // The hint is worth more than the order: whoever was named is asked first in the new round.
  target_ = hint && *hint < targets_ ? *hint : (target_ + 1) % targets_;
  begin_round();
  return true;
}

void Attempts::restart(size_t targets, size_t first) {
  VECTRON_ASSERT(targets > 0 && first < targets, "{} of {}", first, targets);
  targets_ = targets;
  target_ = first;
  begin_round();
}

void Attempts::begin_round() {
  asked_in_round_ = 1;
  hint_followed_ = false;
  const uint64_t half = static_cast<uint64_t>(backoff_.count() / 2);
  pause_ = backoff_ - Duration(static_cast<int64_t>(random_->below(half + 1)));
  backoff_ = std::min(backoff_ * 2, limits_.backoff_max);
}

}  // namespace vectron::gateway
