#include "core/rpc/calls/access.h"

#include <algorithm>

namespace vectron::rpc {

bool may_have_been_done(Code code, Access access) {
  return access != Access::read && !certainly_not_done(code);
}

bool worth_asking_on(Code code, Access access) {
  switch (code) {
    case Code::unavailable:
    case Code::deadline_exceeded:
    case Code::aborted:
      return true;
    case Code::unknown_outcome:
    case Code::cancelled:
    case Code::unknown:
      return access != Access::write;
    default:
      return false;
  }
}

bool shows_no_leader(Code code) {
  return code == Code::unavailable || code == Code::deadline_exceeded ||
         code == Code::unknown_outcome || code == Code::cancelled;
}

Code told_code(Code code, Access access) {
  const bool says_nothing =
      code == Code::unknown_outcome || code == Code::cancelled || code == Code::unknown;
  if (!says_nothing) return code;
  return access == Access::read ? Code::unavailable : Code::unknown_outcome;
}

Instant attempt_deadline(Access access, Instant now, Instant deadline, Duration attempt_timeout) {
  if (access == Access::write) return deadline;
  Duration cut = attempt_timeout;
  if (access == Access::repeatable_write) cut = std::max(cut, (deadline - now) / 2);
  return std::min(deadline, now + cut);
}

}  // namespace vectron::rpc
