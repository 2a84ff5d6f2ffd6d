#include "services/placement/placement_choice.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "core/base/hash.h"

namespace vectron {
namespace {

bool shares(const std::string& a, const std::string& b) {
  return !a.empty() && a == b;
}

// How closely `candidate` would sit with the workers chosen so far; smaller is better, zones before
// racks before hosts.
std::tuple<uint32_t, uint32_t, uint32_t> closeness(const Candidate& candidate,
                                                   std::span<const Candidate* const> chosen) {
  uint32_t zones = 0, racks = 0, hosts = 0;
  for (const Candidate* other : chosen) {
    const bool same_zone = shares(candidate.zone, other->zone);
    const bool same_rack = shares(candidate.rack, other->rack);
    zones += same_zone;
    racks += same_rack && candidate.zone == other->zone;
    hosts += shares(candidate.host, other->host);
  }
  return {zones, racks, hosts};
}

std::unexpected<Status> cannot_hold(std::span<const Candidate> candidates, uint64_t wanted) {
  uint64_t room = 0;
  for (const Candidate& worker : candidates) {
    const uint64_t left = worker.replicas_max - std::min(worker.replicas_max, worker.replicas);
    room += std::min(left, UINT64_MAX - room);
  }
  return fail(
      Code::resource_exhausted,
      fmt::format(
          "{} copies of shards are wanted, each of a shard's on a worker of its own, and the "
          "{} workers that are ready can hold {} more: ask for fewer shards, remove a "
          "collection, start more workers, or raise their replicas_max and limit of "
          "descriptors",
          wanted, candidates.size(), room),
      "shards");
}

}  // namespace

Result<std::vector<std::vector<NodeId>>> choose_workers(std::span<const Candidate> candidates,
                                                        uint32_t shards, uint32_t replication,
                                                        uint64_t salt) {
  if (candidates.size() < replication) {
    return fail(
        Code::failed_precondition,
        fmt::format("{} replicas of each shard need {} workers, and {} are ready: start more, or "
                    "ask for a smaller replication",
                    replication, replication, candidates.size()),
        "replication");
  }
  std::vector<Candidate> workers(candidates.begin(), candidates.end());
  std::sort(workers.begin(), workers.end(),
            [](const Candidate& a, const Candidate& b) { return a.node < b.node; });
  std::vector<std::vector<NodeId>> out;
  for (uint32_t shard = 0; shard < shards; ++shard) {
    std::vector<const Candidate*> chosen;
    std::vector<NodeId> nodes;
    while (chosen.size() < replication) {
      Candidate* best = nullptr;
      const auto rank = [&](const Candidate& worker) {
        return std::tuple(closeness(worker, chosen), worker.replicas,
                          mix64(salt ^ mix64(shard) ^ worker.node.value()), worker.node);
      };
      for (Candidate& worker : workers) {
        const bool taken = std::find(chosen.begin(), chosen.end(), &worker) != chosen.end();
        const bool full = worker.replicas >= worker.replicas_max;
        if (!taken && !full && (best == nullptr || rank(worker) < rank(*best))) best = &worker;
      }
      if (best == nullptr) return cannot_hold(candidates, uint64_t{shards} * replication);
      chosen.push_back(best);
      nodes.push_back(best->node);
      ++best->replicas;
    }
    out.push_back(std::move(nodes));
  }
  return out;
}

bool spreads_over_zones(std::span<const Candidate> candidates,
                        const std::vector<std::vector<NodeId>>& chosen) {
  std::map<NodeId, std::string> zones;
  for (const Candidate& candidate : candidates) zones[candidate.node] = candidate.zone;
  return std::all_of(chosen.begin(), chosen.end(), [&](const std::vector<NodeId>& nodes) {
    std::set<std::string> taken;
    return std::all_of(nodes.begin(), nodes.end(), [&](NodeId node) {
      const std::string& zone = zones.at(node);
      return zone.empty() || taken.insert(zone).second;
    });
  });
}

}  // namespace vectron
