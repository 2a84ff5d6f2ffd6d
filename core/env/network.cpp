#include "core/env/network.h"

namespace vectron {

Task<Result<void>> write_all(Connection* connection, ByteView bytes) {
  while (!bytes.empty()) {
    const auto written = co_await connection->write_some(bytes);
    if (!written.has_value()) co_return fail(written.error());
    VECTRON_ASSERT(*written > 0 && *written <= bytes.size());
    bytes = bytes.subspan(*written);
  }
  co_return Result<void>();
}

std::optional<Result<size_t>> Connection::try_write_some(ByteView) {
  return std::nullopt;
}

Result<ByteView> write_at_once(Connection* connection, ByteView bytes) {
  while (!bytes.empty()) {
    const std::optional<Result<size_t>> written = connection->try_write_some(bytes);
    if (!written.has_value()) return bytes;
    if (!written->has_value()) return fail(written->error());
    VECTRON_ASSERT(**written > 0 && **written <= bytes.size());
    bytes = bytes.subspan(**written);
  }
  return bytes;
}

}  // namespace vectron
