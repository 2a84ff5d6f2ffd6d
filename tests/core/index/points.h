// Random vectors and brute force: what the index tests compare against.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/random.h"
#include "core/index/distance.h"
#include "core/index/neighbor.h"

namespace vectron::index::testing {

using Vector = std::vector<float>;

inline Vector random_vector(RandomStream& random, uint32_t dimension) {
  Vector vector(dimension);
  for (float& element : vector) element = random.unit_float();
  return vector;
}

/// `count` vectors in loose clusters, which is how real data lies and what makes a graph useful.
inline std::vector<Vector> clustered_vectors(std::string_view name, uint32_t dimension,
                                             size_t count) {
  RandomStream random(7, name);
  std::vector<Vector> centres(20);
  for (Vector& centre : centres) centre = random_vector(random, dimension);
  std::vector<Vector> vectors;
  for (size_t i = 0; i < count; ++i) {
    Vector vector = random_vector(random, dimension);
    const Vector& centre = centres[random.below(centres.size())];
    for (uint32_t j = 0; j < dimension; ++j) vector[j] = centre[j] + vector[j] * 0.5f;
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

/// All of `slots` by (distance, slot) from `query`. Under cosine it normalises copies.
inline std::vector<Neighbor> brute_force(Metric metric, const std::vector<Vector>& vectors,
                                         const std::vector<Slot>& slots, Vector query) {
  if (metric == Metric::cosine) normalize(query);
  std::vector<Neighbor> neighbors;
  for (const Slot slot : slots) {
    Vector vector = vectors[slot];
    if (metric == Metric::cosine) normalize(vector);
    neighbors.push_back({distance_between(metric, query, vector), slot});
  }
  std::ranges::sort(neighbors, [](const Neighbor& left, const Neighbor& right) {
    return left.distance != right.distance ? left.distance < right.distance
                                           : left.slot < right.slot;
  });
  return neighbors;
}

/// The share of the first k expected slots that `found` holds.
inline double recall(const std::vector<Slot>& found, const std::vector<Neighbor>& expected,
                     size_t k) {
  size_t right = 0;
  for (size_t i = 0; i < k; ++i) right += std::ranges::count(found, expected[i].slot) != 0 ? 1 : 0;
  return static_cast<double>(right) / static_cast<double>(k);
}

}  // namespace vectron::index::testing
