#include "services/placement/planner/placement_choice.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "core/base/assert.h"
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

uint64_t room_of(const Candidate& worker) {
  return worker.replicas_max - std::min(worker.replicas_max, worker.replicas);
}

std::unexpected<Status> cannot_hold(std::span<const Candidate> candidates, uint64_t wanted) {
  uint64_t room = 0;
  for (const Candidate& worker : candidates) {
    room += std::min(room_of(worker), UINT64_MAX - room);
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

using Chosen = std::vector<const Candidate*>;

bool is_in(const Chosen& chosen, const Candidate& worker) {
  return std::find(chosen.begin(), chosen.end(), &worker) != chosen.end();
}

// Whether `open` more workers can be found for a shard that has `chosen`, and all of theirs for
// `later` shards after it. By Hall's condition: any k of the later shards, with this one and
// without it, must find the workers that they need together; what k shards find grows ever less
// with k, so only the smallest and the greatest k need to be looked at.
bool can_finish(std::span<const Candidate> workers, const Chosen& chosen, uint64_t open,
                uint64_t later, uint64_t replication) {
  uint64_t for_this = 0;
  uint64_t for_later = 0;
  uint64_t for_all = 0;
  for (const Candidate& worker : workers) {
    const uint64_t room = room_of(worker);
    const bool is_free = !is_in(chosen, worker);
    for_this += is_free && room > 0 ? 1 : 0;
    for_later += std::min(room, later);
    for_all += std::min(room, is_free ? later + 1 : later);
  }
  return for_this >= open && for_later >= later * replication &&
         for_all >= later * replication + open;
}

// Chooses the workers of one shard, so that there is room for `later` ones after it. Requires:
// there is.
Chosen choose_for_shard(std::vector<Candidate>* workers, uint64_t later, uint32_t replication,
                        uint64_t salt) {
  Chosen chosen;
  while (chosen.size() < replication) {
    std::vector<Candidate*> free;
    for (Candidate& worker : *workers) {
      if (!is_in(chosen, worker) && room_of(worker) > 0) free.push_back(&worker);
    }
    const auto rank = [&](const Candidate* worker) {
      return std::tuple(closeness(*worker, chosen), worker->replicas,
                        mix64(salt ^ worker->node.value()), worker->node);
    };
    while (true) {
      VECTRON_ASSERT(!free.empty(), "no worker for a shard that there was room for");
      const auto best = std::ranges::min_element(free, {}, rank);
      Candidate* const worker = *best;
      free.erase(best);
      chosen.push_back(worker);
      ++worker->replicas;
      const uint64_t open = replication - chosen.size();
      if (can_finish(*workers, chosen, open, later, replication)) break;
      chosen.pop_back();
      --worker->replicas;
    }
  }
  return chosen;
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
  if (!can_finish(workers, {}, 0, shards, replication)) {
    return cannot_hold(candidates, uint64_t{shards} * replication);
  }
  std::vector<std::vector<NodeId>> out;
  for (uint32_t shard = 0; shard < shards; ++shard) {
    const uint64_t later = shards - shard - 1;
    std::vector<NodeId> nodes;
    for (const Candidate* worker :
         choose_for_shard(&workers, later, replication, salt ^ mix64(shard))) {
      nodes.push_back(worker->node);
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
