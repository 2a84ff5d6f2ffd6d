// What a port that speaks RPC answers to somebody who speaks HTTP to it.
#pragma once

#include <string>
#include <string_view>

#include "core/base/bytes.h"

namespace vectron::rpc {

/// Whether a connection that begins with `bytes` speaks HTTP. No frame begins so: its length would
/// be above a GiB.
bool speaks_http(ByteView bytes);

/// The answer: an error, as HTTP has them. `place` is where HTTP is served ("http://host:port");
/// empty when this process serves none.
std::string http_hint(std::string_view place);

}  // namespace vectron::rpc
