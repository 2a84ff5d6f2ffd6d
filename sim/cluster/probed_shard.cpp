#include "sim/cluster/probed_shard.h"

namespace vectron::sim {

PointId probe_id(const PlanCollection& collection, const HashRange& range, uint64_t number) {
  for (uint64_t i = 0;; ++i) {
    const uint64_t candidate = (uint64_t{1} << 50) + number * 1'000'000 + i;
    PointId id(candidate);
    if (collection.ids == PlanIds::text) {
      id = PointId::from_text(fmt::format("probe-{}", candidate)).value_or(id);
    }
    if (range.contains(placement_hash(id))) return id;
  }
}

}  // namespace vectron::sim
