// Statuses for the errors of system calls.
#pragma once

#include <string>

#include "core/base/status.h"

namespace vectron {

/// The status that errno value `error` means to a caller. `what` says what was tried ("cannot open
/// 'wal/1.log'"). ENOENT is not_found, EEXIST already_exists, a full disk or quota or too many open
/// files resource_exhausted, EIO data_loss, a lack of rights permission_denied, a path or size that
/// the system refuses invalid_argument, the wrong kind of file failed_precondition, and everything
/// else unavailable.
Status system_status(int error, const std::string& what);

}  // namespace vectron
