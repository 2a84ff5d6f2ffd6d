// Walks for links: how a new node finds its neighbours, and how nodes nearby are found.
#include "core/index/graph_walk.h"

#include <algorithm>

namespace vectron::index {

// Fills scratch.neighbors[l], as plain keys, for the levels that exist already, top down, each
// level's nearest leading into the next.
void Graph::find_neighbors(Slot slot, int level, EntryPoint entry, WalkScratch& scratch) const {
  const LinkScorer scorer = link_scorer(slot);
  const uint32_t salt = salt_of(slot);
  // A node that is linked anew may be met, but is not its own neighbour.
  const auto accept = [slot](Slot other) { return other != slot; };
  NeighborKey nearest = descend(scorer, entry, level);
  for (int l = std::min(level, entry.level); l >= 0; --l) {
    walk(scorer, nearest, l, {.ef = options_.ef_construction}, salt, accept, scratch);
    std::vector<NeighborKey>& neighbors = scratch.neighbors[l];
    neighbors = scratch.best;
    std::ranges::sort(neighbors);
    select_diverse(scorer, neighbors, options_.m, salt);
    for (NeighborKey& key : neighbors) key = neighbor_key(distance_of(key), salted_slot(key, salt));
    if (!neighbors.empty()) nearest = neighbors.front();
  }
}

std::vector<Slot> Graph::near(Slot slot, size_t ef, uint64_t* evaluations) const {
  const ScratchLease lease(*this);
  WalkScratch& scratch = *lease;
  const LinkScorer scorer = link_scorer(slot);
  const uint32_t salt = salt_of(slot);
  const auto accept = [slot](Slot other) { return other != slot; };
  walk(scorer, descend(scorer, entry_point(), 0), 0, {.ef = ef}, salt, accept, scratch);
  *evaluations += scratch.evaluations;
  std::ranges::sort(scratch.best);
  std::vector<Slot> slots;
  for (const NeighborKey key : scratch.best) slots.push_back(salted_slot(key, salt));
  return slots;
}

}  // namespace vectron::index
