// What a reader is told of a replica whose store could not be read.
#pragma once

#include "core/base/result.h"

namespace vectron {

/// Damage in one replica is no word on the data, which others have, and the damaged replica is
/// fenced within a tick: ask again. Any other status stays as it is.
inline Status unreadable(const Status& status) {
  if (status.code() != Code::data_loss) return status;
  return Status(Code::unavailable, "this replica is damaged and stops: " + status.message());
}

}  // namespace vectron
