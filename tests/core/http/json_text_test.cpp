#include "core/http/json_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/http/response_writer.h"

namespace vectron::http {
namespace {

template <typename T>
std::string number(T value) {
  std::string out;
  append_json_number(out, value);
  return out;
}

std::string as_json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

template <typename T>
T read_back(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  EXPECT_TRUE(error == std::errc() && end == text.data() + text.size()) << text;
  return value;
}

TEST(HttpJsonText, WritesFloatsInTheShortestFormThatReadsBack) {
  EXPECT_EQ(number(0.1F), "0.1");
  EXPECT_EQ(number(1.2345678e-7F), "1.2345679e-07");
  EXPECT_EQ(number(-0.0F), "-0.0");
  EXPECT_EQ(number(std::numeric_limits<float>::infinity()), "null");
  EXPECT_EQ(number(1.0), "1.0");
  EXPECT_EQ(number(-0.0), "-0.0");
  EXPECT_EQ(number(1e300), "1e+300");
}

RC_GTEST_PROP(HttpJsonText, EveryFiniteFloatReadsBack, (uint32_t bits)) {
  const auto value = std::bit_cast<float>(bits);
  RC_PRE(std::isfinite(value));
  RC_ASSERT(std::bit_cast<uint32_t>(read_back<float>(number(value))) == bits);
}

RC_GTEST_PROP(HttpJsonText, EveryFiniteDoubleReadsBack, (uint64_t bits)) {
  const auto value = std::bit_cast<double>(bits);
  RC_PRE(std::isfinite(value));
  RC_ASSERT(std::bit_cast<uint64_t>(read_back<double>(number(value))) == bits);
}

RC_GTEST_PROP(HttpJsonText, EveryIntegerReadsBack, (uint64_t value)) {
  RC_ASSERT(read_back<uint64_t>(number(value)) == value);
  RC_ASSERT(read_back<int64_t>(number(static_cast<int64_t>(value))) == static_cast<int64_t>(value));
}

TEST(HttpJsonText, EscapesWhatStringsCannotHold) {
  EXPECT_EQ(as_json("a\"b\\c\n\x01"), R"("a\"b\\c\n\u0001")");
  EXPECT_EQ(as_json("\xC3\xA9\xF0\x9F\x98\x80"), "\"\xC3\xA9\xF0\x9F\x98\x80\"");
}

TEST(HttpJsonText, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(as_json("a\xFF"), "\"a\xEF\xBF\xBD\"");
  for (const char* bad : {"\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xF0\x80\x80\x80", "\x80", "\xE2\x82"}) {
    EXPECT_EQ(valid_utf8_prefix(bad), 0U) << as_json(bad);
  }
  EXPECT_EQ(valid_utf8_prefix("ab\xC3\xA9\xFFz"), 4U);
}

RC_GTEST_PROP(HttpJsonText, StringsAreAlwaysUtf8WithoutControls, (const std::string& text)) {
  const std::string out = as_json(text);
  RC_ASSERT(valid_utf8_prefix(out) == out.size());
  RC_ASSERT(std::none_of(out.begin(), out.end(),
                         [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
}

TEST(HttpResponseWriter, WritesDates) {
  EXPECT_EQ(http_date(WallTime(784111777s)), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(WallTime(951782400s)), "Tue, 29 Feb 2000 00:00:00 GMT");
}

TEST(HttpResponseWriter, SaysNoLengthWhereThereIsNoBody) {
  Response response;
  response.status = 204;
  const std::string bytes = write_response(response, {});
  EXPECT_EQ(bytes.find("Content-"), std::string::npos);
}

}  // namespace
}  // namespace vectron::http
