#include "services/gateway/failures.h"

#include <algorithm>
#include <utility>

namespace vectron::gateway {

Verdict judge_placement_failure(Code code, Access access) {
  // What one node's disk has lost another one may have.
  const bool lost_here = code == Code::data_loss && access != Access::write;
  return lost_here || rpc::worth_asking_on(code, access) ? Verdict::ask_on : Verdict::give_up;
}

Verdict judge_shard_failure(Code code, Access access) {
  const bool stale = code == Code::failed_precondition || code == Code::not_found;
  return stale ? Verdict::refresh : judge_placement_failure(code, access);
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

}  // namespace vectron::gateway
