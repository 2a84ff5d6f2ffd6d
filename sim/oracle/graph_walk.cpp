#include "sim/oracle/graph_walk.h"

#include <algorithm>
#include <vector>

namespace vectron::sim {
namespace {

constexpr uint32_t kReachedByLengthDimensionMax = 4;

std::vector<bool> walk(const GraphSight& graph) {
  std::vector<bool> reached(graph.links.size());
  std::vector<uint32_t> queue;
  const auto reach = [&](uint32_t slot) {
    if (slot >= reached.size() || reached[slot]) return;
    reached[slot] = true;
    queue.push_back(slot);
  };
  reach(graph.entry);
  while (!queue.empty()) {
    const uint32_t slot = queue.back();
    queue.pop_back();
    for (const uint32_t neighbor : graph.links[slot]) reach(neighbor);
  }
  return reached;
}

}  // namespace

bool must_reach_all(const GraphSight& graph) {
  return !graph.by_inner_product || graph.dimension <= kReachedByLengthDimensionMax;
}

uint64_t points_out_of_reach(const GraphSight& graph) {
  const std::vector<bool> reached = walk(graph);
  const auto is_lost = [&](uint32_t node) { return node >= reached.size() || !reached[node]; };
  std::vector<bool> counted(reached.size());
  for (const uint32_t slot : graph.live) counted[slot] = is_lost(graph.found_at[slot]);
  for (uint32_t slot = 0; slot < reached.size(); ++slot) {
    if (graph.found_at[slot] == slot && is_lost(slot)) counted[slot] = true;
  }
  return static_cast<uint64_t>(std::ranges::count(counted, true));
}

}  // namespace vectron::sim
