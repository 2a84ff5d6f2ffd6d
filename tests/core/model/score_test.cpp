#include "core/model/score.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <cmath>

namespace vectron {
namespace {

TEST(Score, IsTheSimilarityUnderCosineAndDot) {
  EXPECT_EQ(score_of_distance(Distance::cosine, -0.25F), 0.25F);
  EXPECT_EQ(score_of_distance(Distance::dot, 3.0F), -3.0F);
}

TEST(Score, IsTheLengthUnderEuclidean) {
  EXPECT_EQ(score_of_distance(Distance::euclidean, 9.0F), 3.0F);
  EXPECT_EQ(score_of_distance(Distance::euclidean, 0.0F), 0.0F);
}

TEST(Score, NeverIsMinusZero) {
  for (const Distance kind : {Distance::cosine, Distance::dot, Distance::euclidean}) {
    EXPECT_FALSE(std::signbit(score_of_distance(kind, 0.0F))) << static_cast<int>(kind);
  }
}

RC_GTEST_PROP(Score, NeverPutsAFartherPointBeforeANearerOne, (uint32_t left, uint32_t right)) {
  const float near = std::abs(std::bit_cast<float>(left));
  const float far = std::abs(std::bit_cast<float>(right));
  RC_PRE(near <= far);
  RC_ASSERT(score_of_distance(Distance::euclidean, near) <=
            score_of_distance(Distance::euclidean, far));
  RC_ASSERT(score_of_distance(Distance::cosine, near) >= score_of_distance(Distance::cosine, far));
  RC_ASSERT(score_of_distance(Distance::dot, -far) >= score_of_distance(Distance::dot, -near));
}

}  // namespace
}  // namespace vectron
