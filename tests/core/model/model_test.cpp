#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "core/model/collection.h"
#include "core/model/point_id.h"
#include "core/model/shard_map.h"

namespace vectron {
namespace {

TEST(PointId, ANumberAndItsTextAreTwoIds) {
  const PointId number(7);
  const PointId text = *PointId::from_text("7");
  EXPECT_NE(number, text);
  EXPECT_NE(point_key(number), point_key(text));
}

TEST(PointId, RefusesEmptyAndOverlongTexts) {
  EXPECT_EQ(PointId::from_text("").error().field(), "id");
  EXPECT_TRUE(PointId::from_text(std::string(128, 'x')).has_value());
  EXPECT_EQ(PointId::from_text(std::string(129, 'x')).error().code(), Code::invalid_argument);
}

RC_GTEST_PROP(PointId, KeysRoundTrip, (uint64_t number, std::string text)) {
  RC_ASSERT(*point_id_of_key(point_key(PointId(number))) == PointId(number));
  if (const auto id = PointId::from_text(text)) RC_ASSERT(*point_id_of_key(point_key(*id)) == *id);
}

RC_GTEST_PROP(PointId, KeysOrderByPlacementHash, (uint64_t a, uint64_t b)) {
  const bool hash_less = placement_hash(PointId(a)) < placement_hash(PointId(b));
  if (a != b) RC_ASSERT((point_key(PointId(a)) < point_key(PointId(b))) == hash_less);
}

TEST(PointId, PlacementHashIsPinned) {
  // Stored data is placed by these values: they may never change.
  EXPECT_EQ(placement_hash(PointId(0)), UINT64_C(8769775362670171727));
  EXPECT_EQ(placement_hash(*PointId::from_text("a")), UINT64_C(16220012317552464106));
}

RC_GTEST_PROP(ShardMap, SplitCoversAllAndFindsLikeALinearScan, (uint64_t hash)) {
  const auto count = *rc::gen::inRange<uint32_t>(1, 200);
  const auto ranges = split_evenly(count);
  RC_ASSERT(ranges.size() == count);
  RC_ASSERT(check_covers_all(ranges).has_value());
  size_t expected = 0;
  while (!ranges[expected].contains(hash)) ++expected;
  RC_ASSERT(find_range(ranges, hash) == expected);
}

TEST(ShardMap, NoticesGapsOverlapsAndMissingEnds) {
  auto ranges = split_evenly(4);
  ++ranges[1].low;
  EXPECT_EQ(check_covers_all(ranges).error().code(), Code::data_loss);
  ranges = split_evenly(4);
  --ranges[2].low;
  EXPECT_FALSE(check_covers_all(ranges).has_value());
  ranges = split_evenly(4);
  ranges.pop_back();
  EXPECT_FALSE(check_covers_all(ranges).has_value());
  EXPECT_FALSE(check_covers_all({}).has_value());
}

TEST(Collection, NamesTheFieldThatIsWrong) {
  CollectionOptions good{.name = "books", .dimension = 8};
  EXPECT_TRUE(check_collection_options(good).has_value());
  auto bad = good;
  bad.name = "a b";
  EXPECT_EQ(check_collection_options(bad).error().field(), "name");
  bad = good;
  bad.dimension = 0;
  EXPECT_EQ(check_collection_options(bad).error().field(), "dimension");
  bad = good;
  bad.shards = 5000;
  EXPECT_EQ(check_collection_options(bad).error().field(), "shards");
  bad = good;
  bad.replication = 8;
  EXPECT_EQ(check_collection_options(bad).error().field(), "replication");
  bad = good;
  bad.index.m = 1;
  EXPECT_EQ(check_collection_options(bad).error().field(), "index.m");
}

TEST(Collection, RefusesVectorsThatCannotBeCompared) {
  const std::vector<float> good = {1, 2, 3}, zero = {0, 0, 0};
  EXPECT_TRUE(check_vector(good, 3, Distance::cosine, "vector").has_value());
  EXPECT_FALSE(check_vector(good, 4, Distance::cosine, "vector").has_value());
  EXPECT_EQ(check_vector(zero, 3, Distance::cosine, "points[2].vector").error().field(),
            "points[2].vector");
  EXPECT_TRUE(check_vector(zero, 3, Distance::euclidean, "vector").has_value());
  for (const float wrong :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_FALSE(check_vector(std::vector<float>{1, wrong, 3}, 3, Distance::dot, "vector"));
  }
}

TEST(Collection, RefusesVectorsWhoseDistancesCouldOverflow) {
  const auto taken = [](std::vector<float> vector, Distance distance) {
    const auto dimension = static_cast<uint32_t>(vector.size());
    return check_vector(vector, dimension, distance, "vector").has_value();
  };
  for (const Distance distance : {Distance::dot, Distance::euclidean}) {
    EXPECT_TRUE(taken({9.9e17F, 0}, distance));
    EXPECT_TRUE(taken({6e17F, -7.9e17F}, distance));
    EXPECT_FALSE(taken({8e17F, -8e17F}, distance));
    EXPECT_FALSE(taken({-1.1e18F, 0}, distance));
    EXPECT_FALSE(taken({3e38F, 3e38F}, distance));
    EXPECT_TRUE(taken(std::vector<float>(65'535, 3.9e15F), distance));
    EXPECT_FALSE(taken(std::vector<float>(65'535, 4e15F), distance));
  }
  EXPECT_TRUE(taken({3e38F, 3e38F}, Distance::cosine));
  EXPECT_TRUE(taken({0, 1e-45F}, Distance::cosine));
  const std::vector<float> huge = {3e38F, 0};
  const auto refused = check_vector(huge, 2, Distance::dot, "points[3].vector");
  EXPECT_EQ(refused.error().field(), "points[3].vector");
  EXPECT_NE(refused.error().message().find("above 1e+18"), std::string::npos);
}

TEST(Collection, RefusesVectorsWhoseDistancesVanish) {
  const auto taken = [](std::vector<float> vector, Distance distance) {
    const auto dimension = static_cast<uint32_t>(vector.size());
    return check_vector(vector, dimension, distance, "vector").has_value();
  };
  for (const Distance distance : {Distance::dot, Distance::euclidean}) {
    EXPECT_TRUE(taken({0, -0.0F}, distance)) << "zero is far from everything but itself";
    EXPECT_TRUE(taken({1.1e-12F, 0}, distance));
    EXPECT_TRUE(taken({8e-13F, -8e-13F}, distance)) << "the length counts, not each component";
    EXPECT_TRUE(taken({1, 1e-30F}, distance));
    EXPECT_FALSE(taken({9e-13F, 0}, distance));
    EXPECT_FALSE(taken({1e-23F, 1e-23F}, distance));
    EXPECT_FALSE(taken({1e-45F}, distance));
  }
  const auto refused = check_vector(std::vector<float>{1e-23F}, 1, Distance::dot, "vector");
  EXPECT_NE(refused.error().message().find("below 1e-12"), std::string::npos);
}

}  // namespace
}  // namespace vectron
