#include "core/env/goodbye.h"

#include <array>

namespace vectron {

Task<bool> discard_input(Connection* connection) {
  std::array<uint8_t, 4'096> discarded;
  for (;;) {
    const Result<size_t> count = co_await connection->read_some(discarded);
    if (!count.has_value() || *count == 0) co_return true;
  }
}

Task<bool> tell_and_end(Connection* connection, Bytes words) {
  const Result<void> written = co_await write_all(connection, words);
  if (!written.has_value()) co_return false;
  connection->shutdown_write();
  const bool ended = co_await discard_input(connection);
  co_return ended;
}

}  // namespace vectron
