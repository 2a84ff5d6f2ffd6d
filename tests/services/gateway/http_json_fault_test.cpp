#include "services/gateway/http_json_fault.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <simdjson.h>

namespace vectron::gateway {
namespace {

using Kind = JsonFault::Kind;

struct Bad {
  const char* text;
  Kind kind;
  size_t at;
};

TEST(HttpJsonFault, IsTheFirstByteThatDoesNotFit) {
  const Bad cases[] = {
      {"", Kind::cut_short, 0},
      {"  ", Kind::cut_short, 2},
      {"x", Kind::wrong_byte, 0},
      {"{} x", Kind::trailing, 3},
      {"{}{}", Kind::trailing, 2},
      {"[1,2]]", Kind::trailing, 5},
      {"{\"a\": [", Kind::cut_short, 7},
      {"{\"a\" 1}", Kind::wrong_byte, 5},
      {"{\"a\":1,}", Kind::wrong_byte, 7},
      {"{a:1}", Kind::wrong_byte, 1},
      {"[1 2]", Kind::wrong_byte, 3},
      {"[1,,2]", Kind::wrong_byte, 3},
      {"[1}", Kind::wrong_byte, 2},
      {"{\"a\":1]", Kind::wrong_byte, 6},
      {"[01]", Kind::wrong_byte, 2},
      {"[-]", Kind::wrong_byte, 2},
      {"[1.]", Kind::wrong_byte, 3},
      {"[1e+]", Kind::wrong_byte, 4},
      {"[tru]", Kind::wrong_byte, 4},
      {"[nul", Kind::cut_short, 4},
      {"[\"a\nb\"]", Kind::wrong_byte, 3},
      {"[\"a\\x\"]", Kind::wrong_byte, 4},
      {"[\"\\u12g4\"]", Kind::wrong_byte, 6},
      {"[\"\\ud800\"]", Kind::wrong_byte, 8},
      {"[\"\\ud800\\u0041\"]", Kind::wrong_byte, 10},
      {"[\"a", Kind::cut_short, 3},
      {"\xEF\xBB\xBF{}", Kind::wrong_byte, 0},
  };
  for (const Bad& bad : cases) {
    const std::optional<JsonFault> fault = find_json_fault(bad.text);
    ASSERT_TRUE(fault.has_value()) << bad.text;
    EXPECT_EQ(fault->kind, bad.kind) << bad.text;
    EXPECT_EQ(fault->at, bad.at) << bad.text;
  }
}

TEST(HttpJsonFault, IsNotInJson) {
  for (const char* text : {"0", "-0.5e-7", " [ ] ", "{}", "\"\\ud83d\\ude00\\n\\u0000\"",
                           "[[],{},\"\",null,true]", "{\"a\":{\"b\":[1,2.5,false]},\"a\":1}\r\n"}) {
    EXPECT_EQ(find_json_fault(text), std::nullopt) << text;
  }
}

// Pieces of JSON, sometimes in an order that is some.
std::string soup() {
  static const std::vector<std::string> kPieces = {
      "{",      "}",  "[",    "]",     ",",     ":",         "\"a\"",       "\"b\":", "1",
      "-2.5e3", "0",  "true", "false", "null",  " ",         "\"\\u00e9\"", "\"",     "\\",
      "\n",     "01", "[]",   "{}",    "[1,2]", "{\"a\":1}", "e",           "."};
  const auto chosen =
      *rc::gen::container<std::vector<size_t>>(rc::gen::inRange<size_t>(0, kPieces.size()));
  std::string text;
  for (const size_t piece : chosen) text += kPieces[piece];
  return text;
}

bool simdjson_takes(const std::string& text) {
  simdjson::dom::parser parser;
  return parser.parse(text).error() == simdjson::SUCCESS;
}

RC_GTEST_PROP(HttpJsonFault, IsFoundWhereAnotherParserRefusesTheText, ()) {
  const std::string text = soup();
  RC_ASSERT(find_json_fault(text).has_value() == !simdjson_takes(text));
}

std::string some_json(int depth) {
  switch (*rc::gen::inRange(0, depth > 3 ? 4 : 6)) {
    case 0:
      return *rc::gen::element<std::string>("null", "true", " false");
    case 1:
      return *rc::gen::element<std::string>("0", "-1.5E+7", "12", "3e-1");
    case 2:
    case 3:
      return *rc::gen::element<std::string>(R"("")", R"("a\"b")", R"("\ud83D\uDe00 \\ \u00e9")");
    case 4: {
      std::string list = "[";
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        list += some_json(depth + 1) + (i > 1 ? " ," : "\n");
      }
      return list + "]";
    }
    default: {
      std::string object = "{";
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        object += R"("k" : )" + some_json(depth + 1) + (i > 1 ? "," : "");
      }
      return object + "}";
    }
  }
}

RC_GTEST_PROP(HttpJsonFault, LiesAtTheEndOfWhatIsOnlyCut, ()) {
  const std::string text = "[" + some_json(0) + "]";
  RC_ASSERT(find_json_fault(text) == std::nullopt);
  const size_t size = *rc::gen::inRange<size_t>(0, text.size());
  const JsonFault expected{Kind::cut_short, size};
  RC_ASSERT(find_json_fault(std::string_view(text).substr(0, size)) == expected);
}

}  // namespace
}  // namespace vectron::gateway
