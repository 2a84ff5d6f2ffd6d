#include "sim/history/value.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace vectron::sim {
namespace {

TEST(Value, GoesThroughItsPayload) {
  for (const ValueNumber value : {ValueNumber{1}, ValueNumber{255}, ValueNumber{1} << 63}) {
    EXPECT_EQ(value_of_payload(payload_of_value(value)), value);
  }
}

TEST(Value, GoesThroughAPayloadOfAnyIntegerType) {
  EXPECT_EQ(value_of_payload(Bytes{7, 1 << 2, 1}), 7u);
  EXPECT_EQ(value_of_payload(Bytes{7, 1, 2 << 2 | 1, 2}), 263u);
  EXPECT_EQ(value_of_payload(Bytes{1, 2, 3, 4, 1 << 2 | 2, 4}), 0x04030201u);
  EXPECT_FALSE(value_of_payload(Bytes{0x80, 1 << 2, 1}).has_value());  // Negative.
  EXPECT_FALSE(value_of_payload(Bytes{1, 2, 3, 1 << 2, 3}).has_value());
  EXPECT_FALSE(value_of_payload(Bytes{7, 3 << 2, 1}).has_value());  // Not an integer.
}

TEST(Value, OfAnArrivalIsItsOwn) {
  EXPECT_LT(ValueNumber{1'000'000'000}, value_of_arrival(0, 0, 0));
  EXPECT_LT(value_of_arrival(0, 0, 255), value_of_arrival(0, 1, 0));
  EXPECT_LT(value_of_arrival(0, UINT32_MAX, 255), value_of_arrival(1, 0, 0));
}

TEST(Value, IsNotSeenInOtherBytes) {
  Bytes payload = payload_of_value(7);
  payload.push_back(0);
  EXPECT_FALSE(value_of_payload(payload).has_value());
  payload.resize(9);
  EXPECT_FALSE(value_of_payload(payload).has_value());
  EXPECT_FALSE(value_of_payload({}).has_value());
}

TEST(Value, HasAVectorThatIsNeverZeroAndSometimesShared) {
  std::map<std::vector<float>, int> seen;
  for (ValueNumber value = 1; value <= 1'000; ++value) {
    const std::vector<float> vector = vector_of_value(value, 3);
    EXPECT_EQ(vector, vector_of_value(value, 3));
    EXPECT_TRUE(std::ranges::any_of(vector, [](float x) { return x != 0; }));
    ++seen[vector];
  }
  EXPECT_GT(seen.size(), 900u);
  EXPECT_LT(seen.size(), 1'000u);
}

}  // namespace
}  // namespace vectron::sim
