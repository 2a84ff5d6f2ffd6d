// read_exactly: for tests that know how many bytes come.
#pragma once

#include "core/base/assert.h"
#include "core/env/network.h"

namespace vectron {

/// Fills all of `into`. Requires: it outlives the await. Errors: unavailable, also when the stream
/// ends before.
inline Task<Result<void>> read_exactly(Connection* connection, std::span<uint8_t> into) {
  while (!into.empty()) {
    const auto count = co_await connection->read_some(into);
    if (!count.has_value()) co_return fail(count.error());
    if (*count == 0) co_return fail(Code::unavailable, "the peer ended the stream");
    VECTRON_ASSERT(*count <= into.size());
    into = into.subspan(*count);
  }
  co_return Result<void>();
}

}  // namespace vectron
