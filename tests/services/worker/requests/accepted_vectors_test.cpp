// What check_vector() accepts, the index can compare: where core/model and core/index meet.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>

#include "core/base/random.h"
#include "core/index/distance.h"
#include "core/model/collection.h"
#include "core/model/score.h"

namespace vectron {
namespace {

// Any floats, mostly as large as they may be: scaled to the bound or just beyond it.
std::vector<float> wild_vector(size_t dimension, Distance distance) {
  std::vector<float> vector(dimension);
  const auto seed = *rc::gen::arbitrary<uint64_t>();
  RandomStream random(seed, "wild");
  const bool constant = random.chance_ppm(300'000);
  double squared = 0;
  for (float& component : vector) {
    const auto any = std::bit_cast<float>(static_cast<uint32_t>(random.next()));
    component = constant ? 1.0F : random.unit_float() - 0.5F;
    if (random.chance_ppm(5'000) && std::isfinite(any)) component = any;
    squared += static_cast<double>(component) * static_cast<double>(component);
  }
  const int kind = *rc::gen::inRange(0, 4);
  if (kind == 0) return vector;
  const bool is_cosine = distance == Distance::cosine;
  const double length_max = is_cosine ? 3e38 : kVectorLengthMax * 1.0000001;
  const double length_min = is_cosine ? 1e-44 : kVectorLengthMin * 0.9999999;
  const double length = kind == 1 ? length_min : length_max;
  for (float& component : vector) {
    component = static_cast<float>(component * (length / std::sqrt(squared)));
  }
  return vector;
}

RC_GTEST_PROP(AcceptedVectors, HaveFiniteDistancesAndScores, ()) {
  const auto distance = *rc::gen::element(Distance::cosine, Distance::dot, Distance::euclidean);
  const auto dimension =
      *rc::gen::elementOf(std::vector<uint32_t>{1, 2, 3, 31, 33, 784, 4'096, kDimensionMax});
  std::vector<float> a = wild_vector(dimension, distance);
  std::vector<float> b = wild_vector(dimension, distance);
  if (*rc::gen::arbitrary<bool>()) {
    b = a;
    for (float& component : b) component = -component;
  }
  RC_PRE(check_vector(a, dimension, distance, "a").has_value());
  RC_PRE(check_vector(b, dimension, distance, "b").has_value());
  if (distance == Distance::cosine) {
    RC_ASSERT(index::normalize(a));
    RC_ASSERT(index::normalize(b));
  }
  const auto metric = static_cast<index::Metric>(distance);
  const float between = index::distance_between(metric, a, b);
  RC_ASSERT(std::isfinite(between));
  RC_ASSERT(std::isfinite(score_of_distance(distance, between)));
  RC_ASSERT(std::isfinite(index::distance_between(metric, a, a)));
  // The worst order: one sum over all, smallest margin for rounding.
  float products = 0;
  float squares = 0;
  for (size_t i = 0; i < dimension; ++i) {
    products += std::abs(a[i] * b[i]);
    squares += (a[i] - b[i]) * (a[i] - b[i]);
  }
  RC_ASSERT(std::isfinite(products) && std::isfinite(squares));
  if (distance == Distance::cosine) RC_ASSERT(std::abs(between) < 1.001F);
}

}  // namespace
}  // namespace vectron
