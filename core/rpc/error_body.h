// The body of an error frame: a Status.
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"

namespace vectron::rpc {

/// Requires: !status.ok().
Bytes encode_error(const Status& status);

/// Reads it back. A code of a newer program becomes Code::unknown; a body that makes no sense is
/// Code::data_loss.
Status decode_error(ByteView body);

}  // namespace vectron::rpc
