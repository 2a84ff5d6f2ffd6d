#include "core/index/distance.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "core/index/flush_denormals.h"
#include "tests/core/index/points.h"

namespace vectron::index {
namespace {

using testing::random_vector;
using testing::Vector;

constexpr std::array kMetrics = {Metric::cosine, Metric::dot, Metric::euclidean};

// The definition: 32 lanes, multiply, add, fold by halves. The elements behind the end are zero,
// and so is what a normal float cannot hold.
float plain_distance(Metric metric, const Vector& a, const Vector& b) {
  const FlushDenormals flush;
  std::array<float, 32> lanes = {};
  for (size_t i = 0; i < (a.size() + 31) / 32 * 32; ++i) {
    const float left = i < a.size() ? a[i] : 0.0f;
    const float right = i < b.size() ? b[i] : 0.0f;
    const float difference = left - right;
    const float term = metric == Metric::euclidean ? difference * difference : left * right;
    lanes[i % 32] += term;
  }
  for (size_t count = 16; count > 0; count /= 2) {
    for (size_t i = 0; i < count; ++i) lanes[i] += lanes[i + count];
  }
  if (metric == Metric::euclidean) return lanes[0];
  const float negated = 0.0f - lanes[0];
  return metric == Metric::cosine ? std::clamp(negated, -1.0f, 1.0f) : negated;
}

class EveryTarget : public ::testing::Test {
 protected:
  ~EveryTarget() override { select_simd_target({}); }
};

TEST_F(EveryTarget, HasTheBitsOfTheDefinitionAtEveryDimension) {
  const std::vector<std::string> targets = simd_targets();
  ASSERT_GE(targets.size(), 1u);
  RandomStream random(1, "every dimension");
  for (uint32_t dimension = 1; dimension <= 1'024; ++dimension) {
    // One element more, so that rows are unaligned in different ways.
    Vector a = random_vector(random, dimension + 1);
    Vector b = random_vector(random, dimension + 1);
    const Vector a_row(a.begin() + 1, a.end());
    const Vector b_row(b.begin() + 1, b.end());
    for (const Metric metric : kMetrics) {
      const uint32_t expected = std::bit_cast<uint32_t>(plain_distance(metric, a_row, b_row));
      for (const std::string& target : targets) {
        ASSERT_TRUE(select_simd_target(target));
        const float distance = distance_function(metric)(a.data() + 1, b.data() + 1, dimension);
        ASSERT_EQ(std::bit_cast<uint32_t>(distance), expected)
            << target << " at dimension " << dimension;
      }
    }
  }
}

TEST_F(EveryTarget, HasTheBitsOfTheDefinitionOnWildValues) {
  const std::vector<std::string> targets = simd_targets();
  EXPECT_TRUE(rc::check([&] {
    const auto dimension = *rc::gen::inRange<uint32_t>(1, 200);
    const auto element =
        rc::gen::map(rc::gen::pair(rc::gen::arbitrary<int32_t>(), rc::gen::inRange(-60, 60)),
                     [](std::pair<int32_t, int> parts) {
                       return std::ldexp(static_cast<float>(parts.first), parts.second - 30);
                     });
    const auto a = *rc::gen::container<Vector>(dimension, element);
    const auto b = *rc::gen::container<Vector>(dimension, element);
    for (const Metric metric : kMetrics) {
      const float expected = plain_distance(metric, a, b);
      for (const std::string& target : targets) {
        select_simd_target(target);
        const float distance = distance_between(metric, a, b);
        RC_ASSERT(std::bit_cast<uint32_t>(distance) == std::bit_cast<uint32_t>(expected));
      }
    }
  }));
}

TEST_F(EveryTarget, NeverAnswersNaNOrMinusZero) {
  const Vector huge = {3e38f, 3e38f, 1.0f};
  const Vector mixed = {3e38f, -3e38f, 1.0f};
  const Vector zero = {0.0f, 0.0f, 0.0f};
  for (const std::string& target : simd_targets()) {
    select_simd_target(target);
    EXPECT_EQ(distance_between(Metric::dot, huge, mixed), std::numeric_limits<float>::infinity());
    EXPECT_EQ(distance_between(Metric::euclidean, huge, mixed),
              std::numeric_limits<float>::infinity());
    EXPECT_FALSE(std::signbit(distance_between(Metric::dot, huge, zero)));
  }
}

TEST(Distance, UnknownTargetIsRefused) {
  EXPECT_FALSE(select_simd_target("PDP-11"));
}

TEST(Distance, ListingTargetsKeepsTheSelection) {
  const std::string last = simd_targets().back();
  ASSERT_TRUE(select_simd_target(last));
  const DistanceFunction selected = distance_function(Metric::dot);
  simd_targets();
  EXPECT_EQ(distance_function(Metric::dot), selected);
  select_simd_target({});
}

TEST(Normalize, GivesLengthOneWhateverTheMagnitude) {
  RandomStream random(1, "normalize");
  for (const float scale : {1e-40f, 1e-30f, 1.0f, 1e30f, 3e38f}) {
    for (const uint32_t dimension : {1u, 2u, 7u, 8u, 100u, 784u}) {
      Vector vector = random_vector(random, dimension);
      for (float& element : vector) element *= scale;
      vector[0] = scale;
      ASSERT_TRUE(normalize(vector));
      EXPECT_NEAR(distance_between(Metric::dot, vector, vector), -1.0f, 1e-5f)
          << scale << " x " << dimension;
    }
  }
}

TEST(Normalize, LeavesAZeroVectorAlone) {
  Vector vector(5, 0.0f);
  EXPECT_FALSE(normalize(vector));
  EXPECT_EQ(vector, Vector(5, 0.0f));
}

TEST(Score, IsTheSimilarityOrTheDistanceThatClientsSee) {
  const Vector a = {3.0f, 0.0f};
  const Vector b = {0.0f, 4.0f};
  EXPECT_EQ(score_of(Metric::euclidean, distance_between(Metric::euclidean, a, b)), 5.0f);
  EXPECT_EQ(score_of(Metric::dot, distance_between(Metric::dot, a, a)), 9.0f);
  EXPECT_EQ(score_of(Metric::cosine, distance_between(Metric::cosine, Vector{1.0f}, Vector{-1.0f})),
            -1.0f);
  EXPECT_FALSE(std::signbit(score_of(Metric::dot, 0.0f)));
  EXPECT_TRUE(better_score(Metric::euclidean, 1.0f, 2.0f));
  EXPECT_TRUE(better_score(Metric::dot, 2.0f, 1.0f));
}

}  // namespace
}  // namespace vectron::index
