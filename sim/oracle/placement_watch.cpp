#include "sim/oracle/placement_watch.h"

#include <set>

#include "core/model/shard_map.h"

namespace vectron::sim {

void PlacementWatch::see(const CollectionView& view, size_t zones, Instant now) {
  check_ranges(view, now);
  check_domains(view, zones, now);
  check_epoch(view, now);
}

void PlacementWatch::check_ranges(const CollectionView& view, Instant now) {
  std::vector<HashRange> ranges;
  ranges.reserve(view.shards.size());
  for (const CollectionView::Shard& shard : view.shards) {
    ranges.push_back({.low = shard.hash_low, .high = shard.hash_high});
  }
  const Result<void> covers = check_covers_all(ranges);
  if (covers.has_value()) return;
  log_.add(oracle::kPlacement, now,
           fmt::format("collection '{}': {}", view.name, covers.error().to_string()), "ranges");
}

void PlacementWatch::check_domains(const CollectionView& view, size_t zones_to_choose,
                                   Instant now) {
  for (const CollectionView::Shard& shard : view.shards) {
    std::set<uint64_t> nodes;
    std::set<std::string> zones;
    std::set<uint64_t> replicas;
    for (const CollectionView::Replica& replica : shard.replicas) {
      nodes.insert(replica.node_id);
      zones.insert(replica.zone);
      replicas.insert(replica.replica_id);
    }
    const size_t wanted = view.replication;
    const bool right = shard.replicas.size() == wanted && nodes.size() == wanted &&
                       replicas.size() == wanted &&
                       zones.size() >= std::min(wanted, zones_to_choose);
    if (right) continue;
    log_.add(oracle::kPlacement, now,
             fmt::format("collection '{}' shard {}: {} replicas on {} nodes in {} zones, wanted {} "
                         "with {} zones to choose from",
                         view.name, shard.shard_id, shard.replicas.size(), nodes.size(),
                         zones.size(), wanted, zones_to_choose),
             "domains");
  }
}

void PlacementWatch::check_epoch(const CollectionView& view, Instant now) {
  std::vector<Known>& known = seen_[view.name];
  for (const Known& before : known) {
    const bool earlier = before.return_order < view.invoke_order;
    // A name may go over to a younger collection; ids are never reused.
    const bool right = before.id < view.id || (before.id == view.id && before.epoch <= view.epoch);
    if (!earlier || right) continue;
    log_.add(
        oracle::kPlacement, now,
        fmt::format("collection '{}' has id {} and epoch {}, after id {} and epoch {} were told",
                    view.name, view.id, view.epoch, before.id, before.epoch),
        "epoch");
    return;
  }
  known.push_back({view.id, view.epoch, view.return_order});
}

}  // namespace vectron::sim
