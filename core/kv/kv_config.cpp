#include "core/kv/kv_config.h"

namespace vectron {

Result<void> KvConfig::validate() const {
  if (map_bytes_max < 1 << 20 || map_bytes_max % 4096 != 0) {
    return fail(Code::invalid_argument, "must be a multiple of 4096 and at least 1 MiB",
                "map_bytes_max");
  }
  if (map_bytes_start < 256 << 10 || map_bytes_start % 4096 != 0) {
    return fail(Code::invalid_argument, "must be a multiple of 4096 and at least 256 KiB",
                "map_bytes_start");
  }
  if (readers_max < 3) return fail(Code::invalid_argument, "must be at least 3", "readers_max");
  if (batch_bytes_max == 0) {
    return fail(Code::invalid_argument, "must be positive", "batch_bytes_max");
  }
  if (reader_age_max <= Duration::zero()) {
    return fail(Code::invalid_argument, "must be positive", "reader_age_max");
  }
  if (reader_pinned_bytes_max == 0) {
    return fail(Code::invalid_argument, "must be positive", "reader_pinned_bytes_max");
  }
  return {};
}

}  // namespace vectron
