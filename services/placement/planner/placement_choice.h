// Which workers get the replicas of new shards. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/ids.h"
#include "core/base/result.h"

namespace vectron {

/// A worker that may get replicas.
struct Candidate {
  NodeId node;
  std::string zone;
  std::string rack;
  std::string host;
  /// That it holds already.
  uint64_t replicas = 0;
  /// That it can hold.
  uint64_t replicas_max = UINT64_MAX;
};

/// Chooses `replication` different workers for each of `shards` shards. The replicas of a shard lie
/// in as many different zones as possible, then racks, then hosts (an empty label is a domain of
/// its own for each worker); among equals the worker with fewest replicas is taken, ties by an
/// order that `salt` and the shard's number shuffle, so that shards do not all share the same
/// workers. Returns, for each shard, its workers. The same input gives the same answer.
/// No worker gets more than it can hold, and wherever some choice fits, one that does is taken,
/// should it spread worse.
/// Errors: failed_precondition (fewer workers than replicas), resource_exhausted (they cannot hold
/// so many).
Result<std::vector<std::vector<NodeId>>> choose_workers(std::span<const Candidate> candidates,
                                                        uint32_t shards, uint32_t replication,
                                                        uint64_t salt);

/// Whether no two replicas of a shard lie in one zone: more workers could not spread them better.
/// An empty label is a zone of its own for each worker. Requires: `chosen` names candidates.
bool spreads_over_zones(std::span<const Candidate> candidates,
                        const std::vector<std::vector<NodeId>>& chosen);

}  // namespace vectron
