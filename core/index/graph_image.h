// The parts of Graph that need templates: mending a graph from which nodes have gone.
//
// Included by few sources (core/index/index_restore.cpp); who restores holds the graph to itself.
#pragma once

#include <algorithm>

#include "core/base/assert.h"
#include "core/index/graph.h"

namespace vectron::index {

/// Bounds of what bridge() looks at for one list, so that a hole in the middle of holes costs
/// little.
inline constexpr size_t kBridgeHolesMax = 64;
inline constexpr size_t kBridgeCandidatesMax = 256;

template <typename Gone>
uint64_t Graph::bridge(Slot slot, const Gone& gone, std::vector<NewLink>* made) {
  uint64_t evaluations = 0;
  for (int level = 0; level <= level_of(slot, options_.m); ++level) {
    evaluations += bridge_level(slot, level, gone, made);
  }
  return evaluations;
}

template <typename Gone>
uint64_t Graph::bridge_level(Slot slot, int level, const Gone& gone, std::vector<NewLink>* made) {
  const std::vector<Slot> before = links(slot, level);
  std::vector<Slot> holes;
  std::vector<Slot> near;  // First those that stay, then what the holes knew.
  const auto meet = [&](Slot neighbor) {
    if (neighbor == slot) return;
    std::vector<Slot>& side = gone(neighbor) ? holes : near;
    const size_t side_max = gone(neighbor) ? kBridgeHolesMax : kBridgeCandidatesMax;
    if (side.size() < side_max && std::ranges::find(side, neighbor) == side.end()) {
      side.push_back(neighbor);
    }
  };
  for (const Slot neighbor : before) meet(neighbor);
  if (holes.empty()) return 0;
  const size_t staying = near.size();
  for (size_t i = 0; i < holes.size(); ++i) {
    for (const Slot neighbor : links(holes[i], level)) meet(neighbor);
  }
  const LinkScorer scorer = link_scorer(slot);
  std::vector<NeighborKey> stay;
  std::vector<NeighborKey> come;
  for (const Slot neighbor : near) {
    (stay.size() < staying ? stay : come).push_back(neighbor_key(scorer.to(neighbor), neighbor));
  }
  std::ranges::sort(come);
  choose_newcomers(scorer, stay, come, before.size());

  Word* words = list(slot, level);
  for (uint32_t i = 0; i < list_words(level); ++i) {
    words[i] = i < stay.size() ? slot_of(stay[i]) + 1 : 0;
  }
  for (size_t i = staying; i < stay.size(); ++i) {
    made->push_back({slot, slot_of(stay[i]), level});
  }
  // Each list that was met costs about as much as a distance, each newcomer one and one more for
  // each that stays.
  return holes.size() + near.size() + come.size() * before.size();
}

template <typename Gone>
void Graph::choose_entry_point(Slot slot_end, const Gone& gone) {
  EntryPoint best;
  for (Slot slot = 0; slot < slot_end; ++slot) {
    const int level = level_of(slot, options_.m);
    if (level > best.level && !gone(slot)) best = {slot, level};
  }
  set_entry_point(best);
}

}  // namespace vectron::index
