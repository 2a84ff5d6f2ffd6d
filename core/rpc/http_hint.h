// What a port that speaks RPC answers to somebody who speaks HTTP to it.
#pragma once

#include <optional>
#include <string>

#include "core/base/bytes.h"
#include "core/env/network.h"

namespace vectron::rpc {

/// Whether a connection that begins with `bytes` speaks HTTP, or another protocol of words. No
/// first frame begins so: its length would be above 500 MiB, and a Hello is small.
bool speaks_http(ByteView bytes);

/// The answer: an error, as HTTP has them. `place` is where HTTP is served; none when this process
/// serves none. Of one that listens at every address only the port is told.
std::string http_hint(const std::optional<Address>& place);

}  // namespace vectron::rpc
