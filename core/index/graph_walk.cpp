// Walks through a graph: how a search and how a new node find what is near.
#include <algorithm>

#include "core/index/graph.h"
#include "core/index/key_heap.h"
#include "core/index/salted_key.h"
#include "core/index/walk_scratch.h"

namespace vectron::index {

namespace {

// Rows up to this are fetched as soon as a list names them; of longer ones the next ahead, for a
// list of them would push one another out of the cache.
constexpr size_t kPrefetchAllRowBytesMax = 256;

}  // namespace

// Algorithm 2: expands the nearest unexpanded node until that lies beyond the ef best. Only
// accepted nodes count as best; the others only lead on. On a plateau of equal distances it goes on
// through as many more nodes as it may keep, for the ef best of equals are not all that there is.
// The outcome is in scratch.best. Returns false when it gave up at its bound of evaluations.
template <typename Accept>
bool Graph::walk(DistanceFunction distance, const float* query, NeighborKey entry, int level,
                 WalkOptions bounds, uint32_t salt, const Accept& accept,
                 WalkScratch& scratch) const {
  scratch.begin_walk(salt);
  const Slot first = slot_of(entry);
  *scratch.make_room(1) = first;
  ++scratch.touched_count;
  scratch.visited_word(first) |= uint64_t{1} << first % 64;
  const NeighborKey first_key = salted_key(distance_of(entry), first, salt);
  push_min(scratch.frontier, first_key);
  if (accept(first)) push_max(scratch.best, first_key);
  size_t equals_left = bounds.ef;
  while (!scratch.frontier.empty()) {
    const NeighborKey nearest = pop_min(scratch.frontier);
    const bool full_before = scratch.best.size() == bounds.ef;
    if (full_before && farther(nearest, scratch.best.front())) break;
    const std::span<const Slot> fresh = read_unvisited(salted_slot(nearest, salt), level, scratch);
    scratch.evaluations += fresh.size();
    if (scratch.evaluations > bounds.evaluations_max) return false;
    for (size_t i = 0; i < fresh.size(); ++i) {
      if (i + 1 < fresh.size()) vectors_.prefetch(fresh[i + 1]);
      const float far = distance(query, vectors_.row(fresh[i]), vectors_.dimension());
      const NeighborKey key = salted_key(far, fresh[i], salt);
      const bool full = scratch.best.size() == bounds.ef;
      if (full && key > scratch.best.front()) {
        if (farther(key, scratch.best.front()) || equals_left == 0) continue;
        --equals_left;
        push_min(scratch.frontier, key);
        continue;
      }
      push_min(scratch.frontier, key);
      if (!accept(fresh[i])) continue;
      if (scratch.evaluations > bounds.evaluations_max) return false;
      if (full) {
        replace_max(scratch.best, key);
      } else {
        push_max(scratch.best, key);
      }
    }
  }
  return true;
}

bool Graph::search(const float* query, const WalkOptions& options, const Tombstones& tombstones,
                   Cut cut, TopK* best) const {
  if (entry_point().level < 0 || cut.slots == 0) return true;
  const ScratchLease lease(*this);
  const bool whole = offer_nearest(query, options, tombstones, cut, best, *lease);
  if (options.evaluations != nullptr) *options.evaluations += (*lease).evaluations;
  return whole;
}

bool Graph::offer_nearest(const float* query, const WalkOptions& options,
                          const Tombstones& tombstones, Cut cut, TopK* best,
                          WalkScratch& scratch) const {
  const NeighborKey start = descend(distance_, query, entry_point(), 0);
  const auto live = [&tombstones, cut](Slot slot) { return tombstones.live_at(slot, cut); };
  // Of a chain whose copies died, the dead are looked at too, up to the bound: then the walk ends.
  const auto accept = [&](Slot node) {
    return live(node) || copies_.any(node, [&](Slot copy) {
      return ++scratch.evaluations > options.evaluations_max || live(copy);
    });
  };
  if (!walk(distance_, query, start, 0, options, kQuerySalt, accept, scratch)) return false;
  std::ranges::sort(scratch.best);
  for (const NeighborKey key : scratch.best) {
    const float distance = distance_of(key);
    if (!best->takes(distance)) break;
    const Slot node = salted_slot(key, kQuerySalt);
    if (live(node)) best->offer(distance, node);
    copies_.any(node, [&](Slot copy) {
      if (live(copy)) best->offer(distance, copy);
      return ++scratch.evaluations > options.evaluations_max;
    });
    if (scratch.evaluations > options.evaluations_max) return false;
  }
  return true;
}

// Fills scratch.neighbors[l], as plain keys, for the levels that exist already, top down, each
// level's nearest leading into the next.
void Graph::find_neighbors(Slot slot, int level, EntryPoint entry, WalkScratch& scratch) const {
  const float* query = vectors_.row(slot);
  const uint32_t salt = salt_of(slot);
  // A node that is linked anew may be met, but is not its own neighbour.
  const auto accept = [slot](Slot other) { return other != slot; };
  NeighborKey nearest = descend(link_distance_, query, entry, level);
  for (int l = std::min(level, entry.level); l >= 0; --l) {
    walk(link_distance_, query, nearest, l, {.ef = options_.ef_construction}, salt, accept,
         scratch);
    std::vector<NeighborKey>& neighbors = scratch.neighbors[l];
    neighbors = scratch.best;
    std::ranges::sort(neighbors);
    select_diverse(neighbors, options_.m, salt);
    for (NeighborKey& key : neighbors) key = neighbor_key(distance_of(key), salted_slot(key, salt));
    if (!neighbors.empty()) nearest = neighbors.front();
  }
}

// Algorithm 2 with ef = 1 on the levels above `level_end`: the local minimum of each is the next
// one's start.
NeighborKey Graph::descend(DistanceFunction distance, const float* query, EntryPoint entry,
                           int level_end) const {
  const auto key_of = [&](Slot slot) {
    return neighbor_key(distance(query, vectors_.row(slot), vectors_.dimension()), slot);
  };
  NeighborKey nearest = key_of(entry.slot);
  for (int level = entry.level; level > level_end; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      const Word* words = list(slot_of(nearest), level);
      for (uint32_t i = 0; i < list_words(level); ++i) {
        const Word word = load_word(words + i);
        if (word == 0) break;
        const NeighborKey key = key_of(word - 1);
        if (key >= nearest) continue;
        nearest = key;
        moved = true;
      }
    }
  }
  return nearest;
}

// The neighbours of `slot` that the walk had not visited; they are visited now. Their rows are on
// their way to the cache: all where they are short, else the first. The span lives until the next
// call.
std::span<const Slot> Graph::read_unvisited(Slot slot, int level, WalkScratch& scratch) const {
  const Word* words = list(slot, level);
  const uint32_t words_max = list_words(level);
  Slot* const fresh = scratch.make_room(words_max);
  const bool all_rows = vectors_.row_bytes() <= kPrefetchAllRowBytesMax;
  size_t count = 0;
  for (uint32_t i = 0; i < words_max; ++i) {
    const Word word = load_word(words + i);
    if (word == 0) break;
    const Slot neighbor = word - 1;
    uint64_t& visited = scratch.visited_word(neighbor);
    const uint64_t bit = uint64_t{1} << neighbor % 64;
    if ((visited & bit) != 0) continue;
    visited |= bit;
    fresh[count++] = neighbor;
    if (all_rows || count == 1) vectors_.prefetch(neighbor);
  }
  scratch.touched_count += count;
  return {fresh, count};
}

std::vector<Slot> Graph::near(Slot slot, size_t ef, uint64_t* evaluations) const {
  const ScratchLease lease(*this);
  WalkScratch& scratch = *lease;
  const float* row = vectors_.row(slot);
  const uint32_t salt = salt_of(slot);
  const auto accept = [slot](Slot other) { return other != slot; };
  walk(link_distance_, row, descend(link_distance_, row, entry_point(), 0), 0, {.ef = ef}, salt,
       accept, scratch);
  *evaluations += scratch.evaluations;
  std::ranges::sort(scratch.best);
  std::vector<Slot> slots;
  for (const NeighborKey key : scratch.best) slots.push_back(salted_slot(key, salt));
  return slots;
}

}  // namespace vectron::index
