#include "core/replica/store_scrub.h"

#include <algorithm>

namespace vectron {
namespace {

constexpr std::string_view kComponent = "replica";
constexpr uint64_t kSlices = 20;                 // A second.
constexpr uint64_t kSliceBytesMax = 256 * 1024;  // No commit begins meanwhile.

}  // namespace

Task<void> scrub_store(Env* env, KvStore* store, Semaphore* turn, ReplicaConfig config,
                       ReplicaName name) {
  const uint64_t rate = config.scrub_bytes_per_second_max;
  if (rate == 0) co_return;
  const uint64_t slice_bytes = std::clamp<uint64_t>(rate / kSlices, 4'096, kSliceBytesMax);
  const Duration pause(static_cast<int64_t>(slice_bytes * 1'000'000'000 / rate));
  Clock& clock = env->clock();
  bool more = false;
  while (true) {
    if (!more) co_await clock.sleep_for(config.scrub_interval);
    const Semaphore::Permit permit = co_await turn->acquire();
    const auto scrubbed = co_await store->scrub_some(slice_bytes);
    if (!scrubbed.has_value() && scrubbed.error().code() != Code::data_loss) {
      more = false;  // Something is short: the next round begins anew.
      continue;
    }
    if (!scrubbed.has_value()) {
      env->log().error(kComponent, "replica {} of group {}: its store was checked: {}",
                       name.replica, name.group, scrubbed.error().to_string());
      co_return;
    }
    more = *scrubbed;
    co_await clock.sleep_for(pause);
  }
}

}  // namespace vectron
