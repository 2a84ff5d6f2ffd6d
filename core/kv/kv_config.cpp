#include "core/kv/kv_config.h"

#include "core/base/need.h"

namespace vectron {

Result<void> KvConfig::validate() const {
  VECTRON_CHECK_OK(need(map_bytes_max >= 1 << 20 && map_bytes_max % 4096 == 0, "map_bytes_max",
                        "must be a multiple of 4096 and at least 1 MiB"));
  VECTRON_CHECK_OK(need(map_bytes_start >= 256 << 10 && map_bytes_start % 4096 == 0,
                        "map_bytes_start", "must be a multiple of 4096 and at least 256 KiB"));
  VECTRON_CHECK_OK(need_at_least(readers_max, 3, "readers_max"));
  VECTRON_CHECK_OK(need_positive(batch_bytes_max, "batch_bytes_max"));
  VECTRON_CHECK_OK(need_positive(reader_age_max, "reader_age_max"));
  return need_positive(reader_pinned_bytes_max, "reader_pinned_bytes_max");
}

}  // namespace vectron
