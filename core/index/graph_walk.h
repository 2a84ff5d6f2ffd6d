// The parts of Graph that need templates: walks, by whatever Scorer and Accept.
//
// Included by few sources: those that search, and those that link.
#pragma once

#include <algorithm>

#include "core/index/graph.h"
#include "core/index/key_heap.h"
#include "core/index/salted_key.h"
#include "core/index/walk_scratch.h"

namespace vectron::index {

template <Scorer S, Accept A>
bool Graph::search(const S& scorer, const WalkOptions& options, const A& accept, TopK* best) const {
  if (entry_point().level < 0) return true;
  const ScratchLease lease(*this);
  const bool whole = offer_nearest(scorer, options, accept, best, *lease);
  if (options.evaluations != nullptr) *options.evaluations += (*lease).evaluations;
  return whole;
}

template <Scorer S, Accept A>
bool Graph::offer_nearest(const S& scorer, const WalkOptions& options, const A& accept, TopK* best,
                          WalkScratch& scratch) const {
  const NeighborKey start = descend(scorer, entry_point(), 0);
  // Of a chain whose copies are refused, those are looked at too, up to the bound: then the walk
  // ends.
  const auto accept_node = [&](Slot node) {
    return accept(node) || copies_.any(node, [&](Slot copy) {
      return ++scratch.evaluations > options.evaluations_max || accept(copy);
    });
  };
  if (!walk(scorer, start, 0, options, kQuerySalt, accept_node, scratch)) return false;
  std::ranges::sort(scratch.best);
  for (const NeighborKey key : scratch.best) {
    const float distance = distance_of(key);
    if (!best->takes(distance)) break;
    const Slot node = salted_slot(key, kQuerySalt);
    if (accept(node)) best->offer(distance, node);
    copies_.any(node, [&](Slot copy) {
      if (accept(copy)) best->offer(distance, copy);
      return ++scratch.evaluations > options.evaluations_max;
    });
    if (scratch.evaluations > options.evaluations_max) return false;
  }
  return true;
}

// Algorithm 2: expands the nearest unexpanded node until that lies beyond the ef best. Only
// accepted nodes count as best; the others only lead on. On a plateau of equal distances it goes on
// through as many more nodes as it may keep, for the ef best of equals are not all that there is.
// The outcome is in scratch.best. Returns false when it gave up at its bound of evaluations.
template <Scorer S, Accept A>
bool Graph::walk(const S& scorer, NeighborKey entry, int level, WalkOptions bounds, uint32_t salt,
                 const A& accept, WalkScratch& scratch) const {
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
    const std::span<const Slot> fresh =
        read_unvisited(scorer, salted_slot(nearest, salt), level, scratch);
    scratch.evaluations += fresh.size();
    if (scratch.evaluations > bounds.evaluations_max) return false;
    for (size_t i = 0; i < fresh.size(); ++i) {
      if (i + 1 < fresh.size()) scorer.prefetch(fresh[i + 1]);
      const float far = scorer.to(fresh[i]);
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

// Algorithm 2 with ef = 1 on the levels above `level_end`: the local minimum of each is the next
// one's start.
template <Scorer S>
NeighborKey Graph::descend(const S& scorer, EntryPoint entry, int level_end) const {
  const auto key_of = [&](Slot slot) { return neighbor_key(scorer.to(slot), slot); };
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
template <Scorer S>
std::span<const Slot> Graph::read_unvisited(const S& scorer, Slot slot, int level,
                                            WalkScratch& scratch) const {
  const Word* words = list(slot, level);
  const uint32_t words_max = list_words(level);
  Slot* const fresh = scratch.make_room(words_max);
  const bool all_rows = scorer.prefetches_lists();
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
    if (all_rows || count == 1) scorer.prefetch(neighbor);
  }
  scratch.touched_count += count;
  return {fresh, count};
}

}  // namespace vectron::index
