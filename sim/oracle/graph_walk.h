// Graph walk: whether a search can come to every point of an index's graph. Pure; it trusts nothing
// that the index says of itself but its links.
#pragma once

#include <cstdint>

#include "core/replica/observer.h"

namespace vectron::sim {

/// Whether every point must be within reach. Not so under the inner product with more than four
/// components: there neighbours are chosen by it, a long vector is everybody's neighbour, and a
/// short one nobody's.
bool must_reach_all(const GraphSight& graph);

/// How many live points, and nodes, no walk over the links leads to from the entry. O(links).
uint64_t points_out_of_reach(const GraphSight& graph);

}  // namespace vectron::sim
