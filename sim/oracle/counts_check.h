// What a collection says of itself when all is quiet, against the models of its shards.
//
// Every shard's count must be the number of points that its committed entries leave, not an older
// one; the collection's counts must be the sums; no more can be indexed than is stored, and after a
// while all is.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/oracle/search_check.h"
#include "sim/oracle/violation.h"

namespace vectron::sim {

/// A collection's status, as a client was told it after the last write had been acknowledged for
/// kCountsWithin.
struct CountsSeen {
  struct Shard {
    uint64_t shard_id = 0;
    uint64_t points = 0;
    uint64_t indexed = 0;
  };
  std::string collection;
  Instant at{};
  bool ready = false;
  /// All has been quiet for so long that every point must be in the graph.
  bool settled = false;
  uint64_t points = 0;
  uint64_t indexed = 0;
  std::vector<Shard> shards;
};

/// How old a count may be when nothing holds messages up: ten times what workers promise.
inline constexpr Duration kCountsWithin = 1s;

/// Objects to each count that is not right, and to a collection that is not ready. `collections`:
/// all that the run has had, the removed ones too; shards are found by their ids.
void check_counts(std::span<const CountsSeen> seen, std::span<const CollectionModel> collections,
                  ViolationLog* log);

}  // namespace vectron::sim
