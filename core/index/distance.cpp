#include "core/index/distance.h"

#include <array>
#include <cmath>

#include "core/base/assert.h"
#include "core/index/distance_kernels.h"
#include "core/index/flush_denormals.h"

namespace vectron::index {

DistanceFunction distance_function(Metric metric) {
  switch (metric) {
    case Metric::cosine:
      return negated_cosine_kernel();
    case Metric::dot:
      return negated_inner_product_kernel();
    case Metric::euclidean:
      break;
  }
  return squared_l2_kernel();
}

float distance_between(Metric metric, std::span<const float> a, std::span<const float> b) {
  VECTRON_ASSERT(a.size() == b.size(), "{} against {} elements", a.size(), b.size());
  const FlushDenormals flush;
  return distance_function(metric)(a.data(), b.data(), a.size());
}

bool normalize(std::span<float> vector) {
  // Squares of floats neither overflow nor vanish in double. Eight sums, so that additions do not
  // wait for one another.
  std::array<double, 8> sums = {};
  for (size_t i = 0; i < vector.size(); ++i) {
    const double element = vector[i];
    sums[i % sums.size()] += element * element;
  }
  for (size_t count = sums.size() / 2; count > 0; count /= 2) {
    for (size_t i = 0; i < count; ++i) sums[i] += sums[i + count];
  }
  if (!(sums[0] > 0)) return false;
  // A square root is correctly rounded by IEEE 754, unlike the rest of libm.
  const double scale = 1.0 / std::sqrt(sums[0]);
  for (float& element : vector) element = static_cast<float>(element * scale);
  return true;
}

float score_of(Metric metric, float distance) {
  return metric == Metric::euclidean ? std::sqrt(distance) : 0.0f - distance;
}

}  // namespace vectron::index
