// Scores: what a client sees for the distance by which shards order their points.
#pragma once

#include <cmath>

#include "core/model/collection.h"

namespace vectron {

/// The score of an internal distance (smaller is nearer, never NaN; core/index/distance.h). Cosine
/// and dot: the similarity, which is the negated distance. Euclidean: the L2 distance, the square
/// root of the internal one (IEEE-exact, so the same bits everywhere). Order is kept: a smaller
/// distance never gets a worse score. Requires: distance >= 0 under euclidean.
inline float score_of_distance(Distance distance_kind, float distance) {
  if (distance_kind == Distance::euclidean) return std::sqrt(distance);
  return 0.0F - distance;  // never -0
}

}  // namespace vectron
