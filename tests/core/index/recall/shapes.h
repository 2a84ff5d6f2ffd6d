// Sets of vectors that are hard on a graph: copies, near copies, ties.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "tests/core/index/points.h"

namespace vectron::index::testing {

/// Vectors in their order of arrival, and what is asked of them.
struct Shape {
  std::string name;
  std::vector<Vector> points;
  std::vector<Vector> queries;
};

/// `count` random vectors of which `copies` are one and the same.
inline std::vector<Vector> with_copies(size_t count, size_t copies, RandomStream& random,
                                       uint32_t dimension = 16) {
  const Vector copy = random_vector(random, dimension);
  std::vector<Vector> points(copies, copy);
  while (points.size() < count) points.push_back(random_vector(random, dimension));
  return points;
}

inline void shuffle(std::vector<Vector>& points, RandomStream& random) {
  for (size_t i = points.size(); i > 1; --i) std::swap(points[i - 1], points[random.below(i)]);
}

/// `groups` groups of `size` vectors that lie within `spread` of one another (0: copies).
inline std::vector<Vector> in_groups(size_t groups, size_t size, float spread, RandomStream& random,
                                     uint32_t dimension = 16) {
  std::vector<Vector> points;
  for (size_t group = 0; group < groups; ++group) {
    const Vector centre = random_vector(random, dimension);
    for (size_t i = 0; i < size; ++i) {
      points.push_back(centre);
      for (float& element : points.back()) element += spread * (random.unit_float() - 0.5f);
    }
  }
  return points;
}

inline std::vector<Vector> one_hot(uint32_t dimension) {
  std::vector<Vector> points(dimension, Vector(dimension));
  for (uint32_t i = 0; i < dimension; ++i) points[i][i] = 1;
  return points;
}

/// `count` vectors of zeros with `ones` ones.
inline std::vector<Vector> sparse_bits(size_t count, uint32_t dimension, uint32_t ones,
                                       RandomStream& random) {
  std::vector<Vector> points(count, Vector(dimension));
  for (Vector& point : points) {
    for (uint32_t i = 0; i < ones; ++i) point[random.below(dimension)] = 1;
  }
  return points;
}

/// All points of a lattice of `side` steps in `dimension` directions.
inline std::vector<Vector> lattice(uint32_t side, uint32_t dimension) {
  std::vector<Vector> points(1);
  for (uint32_t d = 0; d < dimension; ++d) {
    std::vector<Vector> longer;
    for (const Vector& point : points) {
      for (uint32_t i = 0; i < side; ++i) {
        longer.push_back(point);
        longer.back().push_back(static_cast<float>(i));
      }
    }
    points = std::move(longer);
  }
  return points;
}

/// All shapes, at several orders of arrival.
inline std::vector<Shape> shapes() {
  RandomStream random(11, "shapes");
  std::vector<Shape> all;
  const auto add = [&](std::string name, std::vector<Vector> points) {
    Shape shape{.name = std::move(name), .points = std::move(points)};
    // Half of the queries are points, half lie anywhere between them.
    for (int i = 0; i < 50; ++i) {
      const Vector& a = shape.points[random.below(shape.points.size())];
      shape.queries.push_back(a);
      shape.queries.push_back(a);
      const Vector& b = shape.points[random.below(shape.points.size())];
      for (size_t j = 0; j < a.size(); ++j) shape.queries.back()[j] = 0.75f * a[j] + 0.25f * b[j];
    }
    all.push_back(std::move(shape));
  };
  const auto add_in_orders = [&](const std::string& name, std::vector<Vector> points) {
    add(name + ", first to last", points);
    std::ranges::reverse(points);
    add(name + ", last to first", points);
    shuffle(points, random);
    add(name + ", shuffled", std::move(points));
  };
  for (const size_t copies : {0, 20, 100, 400, 1'200}) {
    add_in_orders(std::to_string(copies) + " copies of 2,000", with_copies(2'000, copies, random));
  }
  std::vector<Vector> groups = in_groups(20, 60, 0, random);
  for (int i = 0; i < 800; ++i) groups.push_back(random_vector(random, 16));
  add_in_orders("20 groups of 60 copies and 800 others", std::move(groups));
  std::vector<Vector> near = in_groups(1, 500, 1e-4f, random);
  for (int i = 0; i < 1'000; ++i) near.push_back(random_vector(random, 16));
  add_in_orders("500 near copies and 1,000 others", std::move(near));
  add_in_orders("20 groups of 60 near copies", in_groups(20, 60, 1e-4f, random));
  add_in_orders("one-hot", one_hot(600));
  add_in_orders("sparse bits", sparse_bits(1'500, 100, 4, random));
  add_in_orders("a lattice", lattice(6, 4));
  return all;
}

}  // namespace vectron::index::testing
