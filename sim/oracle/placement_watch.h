// Placement's promises, checked on every description of a collection that a client was given.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "sim/oracle/violation.h"

namespace vectron::sim {

/// A collection as a client was told, with the failure domain of each replica's node.
struct CollectionView {
  struct Replica {
    uint64_t replica_id = 0;
    uint64_t node_id = 0;
    std::string zone;
  };
  struct Shard {
    uint64_t shard_id = 0;
    uint64_t hash_low = 0;
    uint64_t hash_high = 0;
    std::vector<Replica> replicas;
  };
  std::string name;
  uint64_t id = 0;
  uint64_t epoch = 0;
  uint32_t replication = 0;
  std::vector<Shard> shards;
  /// When it was asked for, and answered, in real-time order.
  uint64_t invoke_order = 0;
  uint64_t return_order = 0;
};

class PlacementWatch {
 public:
  explicit PlacementWatch(ViolationLog* log) : log_(*log) {}

  /// Checks one description against itself and against all before it. `zones`: how many failure
  /// domains the workers lie in whose disks are whole; replicas that lie in more are welcome, for
  /// they may be older than the loss.
  void see(const CollectionView& view, size_t zones, Instant now);

 private:
  struct Known {
    uint64_t id = 0;
    uint64_t epoch = 0;
    uint64_t return_order = 0;
  };
  void check_ranges(const CollectionView& view, Instant now);
  void check_domains(const CollectionView& view, size_t zones_to_choose, Instant now);
  void check_epoch(const CollectionView& view, Instant now);

  ViolationLog& log_;
  std::map<std::string, std::vector<Known>> seen_;
};

}  // namespace vectron::sim
