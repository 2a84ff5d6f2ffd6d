#include "sim/oracle/counts_check.h"

#include <fmt/format.h>

namespace vectron::sim {
namespace {

uint64_t points_of(const ShardModel& model) {
  uint64_t points = 0;
  model.for_each(model.last_index(), [&](const PointId&, const PointVersion&) { ++points; });
  return points;
}

const ShardModel* find_shard(std::span<const CollectionModel> collections, uint64_t shard_id) {
  for (const CollectionModel& collection : collections) {
    const auto found = collection.shards.find(shard_id);
    if (found != collection.shards.end()) return &found->second;
  }
  return nullptr;
}

/// What is wrong with the counts of one shard; nothing when they are right.
std::string objection(const CountsSeen::Shard& shard, bool settled, const ShardModel* model) {
  if (model == nullptr) return fmt::format("shard {} was never made", shard.shard_id);
  const uint64_t points = points_of(*model);
  if (shard.points != points) {
    return fmt::format("shard {} says that it has {} points, and has {}", shard.shard_id,
                       shard.points, points);
  }
  if (shard.indexed > shard.points) {
    return fmt::format("shard {} has {} points and says that {} are indexed", shard.shard_id,
                       shard.points, shard.indexed);
  }
  if (settled && shard.indexed < shard.points) {
    return fmt::format("shard {} has {} points, and long after the last write {} are indexed",
                       shard.shard_id, shard.points, shard.indexed);
  }
  return {};
}

}  // namespace

void check_counts(std::span<const CountsSeen> seen, std::span<const CollectionModel> collections,
                  ViolationLog* log) {
  for (const CountsSeen& status : seen) {
    const auto object = [&](const std::string& text, std::string_view kind) {
      log->add(oracle::kCounts, status.at,
               fmt::format("collection '{}': {}", status.collection, text), kind);
    };
    if (!status.ready) object("it is not ready, and nothing disturbs it", "ready");
    uint64_t points = 0;
    uint64_t indexed = 0;
    for (const CountsSeen::Shard& shard : status.shards) {
      points += shard.points;
      indexed += shard.indexed;
      const std::string wrong =
          objection(shard, status.settled, find_shard(collections, shard.shard_id));
      if (!wrong.empty()) object(wrong, "shard");
    }
    if (status.points == points && status.indexed == indexed) continue;
    object(fmt::format("it says {} points, {} indexed; its shards have {} and {}", status.points,
                       status.indexed, points, indexed),
           "sum");
  }
}

}  // namespace vectron::sim
