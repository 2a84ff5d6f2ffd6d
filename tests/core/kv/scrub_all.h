// The check of a whole KvStore, by its scrubber.
#pragma once

#include "core/kv/kv_store.h"

namespace vectron {

/// Reads all of `store` and compares it with its hashes and digests: to the end of the scrubber's
/// pass that is under way, and then a whole one. Errors: data_loss, unavailable.
inline Task<Result<void>> scrub_all(KvStore* store) {
  for (int pass = 0; pass < 2; ++pass) {
    bool more = true;
    while (more) {
      const auto scrubbed = co_await store->scrub_some(1 << 20);
      VECTRON_CO_CHECK_OK(scrubbed);
      more = *scrubbed;
    }
  }
  co_return Result<void>();
}

}  // namespace vectron
