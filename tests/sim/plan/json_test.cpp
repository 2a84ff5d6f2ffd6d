#include "sim/plan/json.h"

#include <gtest/gtest.h>

namespace vectron::sim {
namespace {

TEST(Json, PrintsWhatItReadsInTheSameOrder) {
  const std::string text =
      R"({"b":[1,-2,18446744073709551615],"a":{"x":null,"y":true},"t":"q\"\\\n"})";
  const auto json = parse_json(text);
  ASSERT_TRUE(json.has_value()) << json.error().to_string();
  EXPECT_EQ(json->compact(), text);
  const auto again = parse_json(json->pretty());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(*again, *json);
}

TEST(Json, RefusesWhatIsNotExactJsonAndNamesTheLine) {
  for (const char* text : {"", "{", "[1,]", "{\"a\":1,\"a\":2}", "1.5", "01x", "tru", "{\"a\" 1}",
                           "[1] 2", "\"abc", "18446744073709551616", "\"\\ud800\"", "{\"a\":1,}"}) {
    EXPECT_FALSE(parse_json(text).has_value()) << text;
  }
  const auto bad = parse_json("{\n\"a\": 1,\n\"b\": x\n}");
  ASSERT_FALSE(bad.has_value());
  EXPECT_NE(bad.error().message().find("line 3"), std::string::npos) << bad.error().message();
}

TEST(Json, RefusesNestingBeyondItsBound) {
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_FALSE(parse_json(deep).has_value());
}

}  // namespace
}  // namespace vectron::sim
