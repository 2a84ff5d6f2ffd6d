#include "core/kv/map_size.h"

#include <algorithm>

#include "core/base/assert.h"

namespace vectron::detail {

uint64_t next_map_bytes(uint64_t bytes, uint64_t bytes_max) {
  VECTRON_ASSERT(bytes > 0 && bytes < bytes_max, "{} of {} bytes", bytes, bytes_max);
  const uint64_t doubled = bytes * 2;
  return doubled > kSteppedMapBytesMax ? bytes_max : std::min(doubled, bytes_max);
}

uint64_t map_bytes_for(uint64_t file_bytes, uint64_t bytes_start, uint64_t bytes_max) {
  uint64_t bytes = std::min(bytes_start, bytes_max);
  while (bytes < bytes_max && bytes / 2 < file_bytes) bytes = next_map_bytes(bytes, bytes_max);
  return bytes;
}

}  // namespace vectron::detail
