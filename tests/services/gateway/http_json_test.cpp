#include "services/gateway/http_json.h"

#include <flatbuffers/flexbuffers.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <simdjson.h>

#include <bit>
#include <charconv>
#include <cmath>

#include "core/http/json_text.h"
#include "schemas/vectron_fields.h"
#include "services/gateway/http_binding.h"
#include "services/gateway/http_value.h"

namespace vectron::gateway {
namespace {

using testing::HasSubstr;

constexpr size_t kBytesMax = 1 << 20;

template <typename Message>
Result<Message> parse(std::string body, std::vector<std::string_view> bound = {}) {
  JsonReader reader;
  Message message;
  const Result<void> read = reader.read(&body, &message, bound);
  if (!read.has_value()) return fail(read.error());
  return message;
}

Result<api::UpsertRequest> upsert(const std::string& body) {
  return parse<api::UpsertRequest>(body, {"collection"});
}

struct BadBody {
  const char* body;
  const char* place;
  /// A part of it.
  const char* message;
};

TEST(HttpJson, NamesThePlaceOfEveryError) {
  const BadBody cases[] = {
      {"", "", "empty"},
      {"   ", "", "empty"},
      {"[]", "", "must be an object, not a list"},
      {"7", "", "must be an object"},
      {"{", "", "not valid JSON at byte 1 (counted from 0): it ends too early"},
      {"{} x", "", "at byte 3 (counted from 0): there is more behind the end"},
      {R"({"points":[]}{})", "", "at byte 13 (counted from 0): there is more behind the end"},
      {"{\"points\":[]} x", "", "at byte 14 (counted from 0): there is more behind the end"},
      {"{\"points\":[]", "", "not valid JSON at byte 12 (counted from 0): it ends too early"},
      {"{\"points\": [", "", "at byte 12 (counted from 0): it ends too early"},
      {"{\"points\" []}", "", "not valid JSON at byte 10 "},
      {"{points:[]}", "", "not valid JSON at byte 1 "},
      {"{'points':[]}", "", "not valid JSON at byte 1 "},
      {"{\"points\":[],}", "", "not valid JSON at byte 13 "},
      {"\xFF{}", "", "not UTF-8 at byte 0 (counted from 0)"},
      {"{\"points\":\"\xC3\"}", "", "not UTF-8 at byte 11 "},
      {"\xEF\xBB\xBF{}", "", "at byte 0 (counted from 0): it begins with a byte order mark"},
      {R"({"points":[],"extra":1})", "extra", "is not a field: there are points, request_id"},
      {R"({"":1})", "\"\"", "is not a field"},
      {R"({"points":[],"collection":"c"})", "collection", "given by the path"},
      {R"({"points":[],"points":[]})", "points", "twice"},
      {R"({"points":{}})", "points", "must be a list, not an object"},
      {R"({"points":null})", "points", "must be a list, not null"},
      {R"({"points":[7]})", "points[0]", "must be an object, not a number"},
      {R"({"points":[{}]})", "points[0].id", "is missing"},
      {R"({"points":[{"id":-1}]})", "points[0].id", "whole number from 0 to 18446744073709551615"},
      {R"({"points":[{"id":1.5}]})", "points[0].id", "whole number"},
      {R"({"points":[{"id":18446744073709551616}]})", "points[0].id", "whole number"},
      {R"({"points":[{"id":true}]})", "points[0].id",
       "a whole number or a text, not true or false"},
      {R"({"points":[{"id":01}]})", "points[0].id", "whole number"},
      {R"({"points":[{"id":1,"vector":[]},{"id":2,"vector":[1,2,"x"]}]})", "points[1].vector[2]",
       "must be a number, not a text"},
      {R"({"points":[{"id":1,"vector":[1,,2]}]})", "points[0].vector[1]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[1 2]}]})", "points[0].vector[1]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[2,01]}]})", "points[0].vector[1]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[2,-]}]})", "points[0].vector[1]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[2,-01]}]})", "points[0].vector[1]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[2,1x]}]})", "points[0].vector[1]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[2,1"x"]}]})", "points[0].vector[1]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[2,1}]}]})", "points[0].vector[2]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[1e39]}]})", "points[0].vector[0]", "32-bit float"},
      {R"({"points":[{"id":1,"vector":[0,-1e400]}]})", "points[0].vector[1]", "larger than any"},
      {R"({"points":[{"id":1,"vector":[NaN]}]})", "points[0].vector[0]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[1.]}]})", "points[0].vector[0]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[+1]}]})", "points[0].vector[0]", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[null]}]})", "points[0].vector[0]", "not null"},
      {R"({"points":[{"id":1,"vectors":[1]}]})", "points[0].vectors", "is not a field"},
      {R"({"request_id":-1})", "request_id", "whole number"},
      {R"({"request_id":""})", "request_id", "a text of 1 to 64 bytes"},
      {R"({"request_id":1.0})", "request_id", "whole number"},
      {R"({"request_id":null})", "request_id", "a whole number or a text, not null"},
      {R"({"request_id":true})", "request_id", "a whole number or a text, not true or false"},
      {R"({"points":[{"id":1,"vector":[],"payload":{"a":{"b":[1,{"c":tru}]}}}]})",
       "points[0].payload.a.b[1].c", "not valid JSON"},
      {R"({"points":[{"id":1,"vector":[],"payload":{"a":18446744073709551616}}]})",
       "points[0].payload.a", "64 bits"},
      {R"({"points":[{"id":1,"vector":[],"payload":{"a":-9223372036854775809}}]})",
       "points[0].payload.a", "64 bits"},
      {R"({"points":[{"id":1,"vector":[],"payload":{"a":1,"b":2,"a":3}}]})", "points[0].payload.a",
       "twice"},
      {R"({"points":[{"id":1,"vector":[],"payload":{"a\u0000b":1}}]})", "points[0].payload",
       "U+0000"},
      {R"({"points":[{"id":1,"vector":[],"payload":"\ud800"}]})", "points[0].payload",
       "not valid JSON"},
      {"{\"points\":[{\"id\":1,\"payload\":\"a\nb\"}]}", "", "not valid JSON at byte 31 "},
  };
  for (const BadBody& bad : cases) {
    const auto read = upsert(bad.body);
    ASSERT_FALSE(read.has_value()) << bad.body;
    EXPECT_EQ(read.error().code(), Code::invalid_argument);
    EXPECT_EQ(read.error().field(), bad.place) << bad.body << ": " << read.error().message();
    EXPECT_THAT(read.error().message(), HasSubstr(bad.message)) << bad.body;
  }
}

TEST(HttpJson, NamesThePlaceOfErrorsInOtherBodies) {
  const auto create =
      parse<api::CreateCollectionRequest>(R"({"name":"c","dimension":4,"distance":"manhattan"})");
  EXPECT_EQ(create.error().field(), "distance");
  EXPECT_EQ(create.error().message(), "must be one of cosine, dot, euclidean, not \"manhattan\"");
  const auto options =
      parse<api::CreateCollectionRequest>(R"({"name":"c","dimension":4,"index":{"m":4294967296}})");
  EXPECT_EQ(options.error().field(), "index.m");
  EXPECT_THAT(options.error().message(), HasSubstr("from 0 to 4294967295, not 4294967296"));
  const auto missing = parse<api::CreateCollectionRequest>(R"({"dimension":4})");
  EXPECT_EQ(missing.error().field(), "name");
  const auto no_dimension = parse<api::CreateCollectionRequest>(R"({"name":"c"})");
  EXPECT_EQ(no_dimension.error().field(), "dimension");
  EXPECT_EQ(no_dimension.error().message(), "is missing");
  EXPECT_EQ(upsert(R"({"points":[{"id":1}]})").error().field(), "points[0].vector");
  EXPECT_EQ(upsert("{}").error().field(), "points");
  const auto search = parse<api::SearchRequest>(R"({"vector":[1],"exact":1})", {"collection"});
  EXPECT_EQ(search.error().field(), "exact");
}

TEST(HttpJson, TakesTextsForRequestIds) {
  const auto id_of = [](const std::string& id) {
    return upsert(R"({"points":[],"request_id":)" + id + "}");
  };
  EXPECT_EQ(id_of("7")->request_id, 7U);
  // The numbers are part of what clients rely on: a repetition may reach another version.
  const uint64_t order = id_of(R"("order 1")")->request_id;
  EXPECT_EQ(order, number_of_text("order 1").value());
  EXPECT_EQ(order, 13269703059869639800U);
  EXPECT_NE(id_of(R"("order 2")")->request_id, order);
  EXPECT_NE(id_of(R"("7")")->request_id, 7U);
  EXPECT_TRUE(id_of('"' + std::string(64, 'x') + '"').has_value());
  for (const std::string& bad : {std::string(R"("")"), '"' + std::string(65, 'x') + '"'}) {
    EXPECT_EQ(id_of(bad).error().field(), "request_id");
    EXPECT_THAT(id_of(bad).error().message(), HasSubstr("a text of 1 to 64 bytes"));
  }
  EXPECT_EQ(id_of("true").error().field(), "request_id");
  EXPECT_EQ(id_of("-1").error().message(),
            "must be a whole number from 0 to 18446744073709551615, not -1");
}

constexpr std::string_view kWhole =
    R"( {"points": [{"id": 18, "vector": [1, -2.5e-1, 0.25], "payload": {"a": [null, "\u00e9"]}},)"
    R"( {"id": "eighteen", "vector": [], "payload": true}], "request_id": 7} )";

// The number behind "at byte "; none where the message names no byte.
std::optional<size_t> byte_named_by(const std::string& message) {
  constexpr std::string_view kBefore = "at byte ";
  const size_t at = message.find(kBefore);
  if (at == std::string::npos) return std::nullopt;
  return std::stoul(message.substr(at + kBefore.size()));
}

TEST(HttpJson, SaysWhereABodyWasCut) {
  ASSERT_TRUE(upsert(std::string(kWhole)).has_value());
  for (size_t size = 2; size + 1 < kWhole.size(); ++size) {
    const auto read = upsert(std::string(kWhole.substr(0, size)));
    ASSERT_FALSE(read.has_value()) << size;
    const std::optional<size_t> named = byte_named_by(read.error().message());
    if (named.has_value()) {
      EXPECT_EQ(*named, size) << read.error().to_string();
    } else {
      EXPECT_FALSE(read.error().field().empty()) << size << ": " << read.error().to_string();
    }
  }
}

RC_GTEST_PROP(HttpJson, NamesAByteOrAFieldOfEveryBodyThatItRefuses, (uint8_t other)) {
  std::string body(kWhole);
  const auto at = *rc::gen::inRange<size_t>(0, body.size());
  body[at] = static_cast<char>(other);
  if (*rc::gen::arbitrary<bool>()) body.resize(*rc::gen::inRange<size_t>(1, body.size() + 1));
  const auto read = upsert(body);
  if (read.has_value() || read.error().message().contains("body is empty")) return;
  const std::optional<size_t> named = byte_named_by(read.error().message());
  if (named.has_value()) {
    RC_ASSERT(*named <= body.size());
  } else {
    RC_ASSERT(!read.error().field().empty() ||
              read.error().message().starts_with("must be an object"));
  }
}

// `count` times `item`, with something behind them that only a reader sees that goes on.
std::string long_list(std::string_view item, size_t count) {
  std::string out = "[";
  for (size_t i = 0; i < count; ++i) {
    if (i > 0) out += ',';
    out += item;
  }
  return out + ",nonsense]";
}

TEST(HttpJson, StopsAtTheBoundsOfListsAndVectors) {
  const auto vector = upsert(R"({"points":[{"id":1,"vector":[]},{"id":2,"vector":)" +
                             long_list("0.5", kDimensionMax + 1) + "}]}");
  EXPECT_EQ(vector.error().field(), "points[1].vector");
  EXPECT_EQ(vector.error().message(), "has more than 65535 entries");
  const auto query = parse<api::SearchRequest>(
      R"({"vector":)" + long_list("7", kDimensionMax + 1) + "}", {"collection"});
  EXPECT_EQ(query.error().field(), "vector");
  JsonReader reader(JsonLimits{.points_max = 3});
  std::string body = R"({"points":)" + long_list(R"({"id":1,"vector":[]})", 4) + "}";
  api::UpsertRequest request;
  const auto points = reader.read(&body, &request);
  EXPECT_EQ(points.error().field(), "points");
  EXPECT_EQ(points.error().message(), "has more than 3 entries");
}

TEST(HttpJson, StopsWhereAPayloadPassesItsBound) {
  const auto with_payload = [](const std::string& payload) {
    return upsert(R"({"points":[{"id":1,"vector":[]},{"id":2,"vector":[],"payload":)" + payload +
                  "}]}");
  };
  const std::string open(20, '[');
  const std::string text = '"' + std::string(kPayloadBytesMax + 1, 'x') + '"';
  for (const std::string& payload :
       {long_list("[]", kPayloadBytesMax / 2), long_list("1", kPayloadBytesMax / 2 + 1),
        long_list(R"({"a":{}})", kPayloadBytesMax / 8), open + long_list("null", kPayloadBytesMax),
        long_list('"' + std::string(1'000, 'x') + '"', kPayloadBytesMax / 1'000 + 1),
        "[" + text + ",nonsense]", "{" + text + ":1,nonsense}"}) {
    const auto read = with_payload(payload);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().field(), "points[1].payload") << read.error().message();
    EXPECT_THAT(read.error().message(), HasSubstr("a payload has at most 1048576 bytes"));
  }
}

TEST(HttpJson, TakesPayloadsUpToTheirBound) {
  const auto size_with = [](size_t letters) {
    const auto read = upsert(R"({"points":[{"id":1,"vector":[],"payload":{"a":1,"text":")" +
                             std::string(letters, 'x') + R"(","z":[]}}]})");
    return read.has_value() ? read->points[0].payload.size() : 0;
  };
  const size_t rest = size_with(kPayloadBytesMax / 2) - kPayloadBytesMax / 2;
  size_t largest = 0;
  for (size_t letters = kPayloadBytesMax - rest - 8; letters < kPayloadBytesMax; ++letters) {
    largest = std::max(largest, size_with(letters));
  }
  EXPECT_LE(largest, kPayloadBytesMax + 64);  // What the end of it brings is counted at the end.
  EXPECT_GE(largest, kPayloadBytesMax - 8);
}

void append_element(const simdjson::dom::element& from, flexbuffers::Builder* builder) {
  if (from.is_array()) {
    builder->Vector([&] {
      for (const auto& item : simdjson::dom::array(from)) append_element(item, builder);
    });
  } else if (from.is_object()) {
    builder->Map([&] {
      for (const auto& [key, value] : simdjson::dom::object(from)) {
        builder->Key(std::string(key));
        append_element(value, builder);
      }
    });
  } else if (from.is_string()) {
    builder->String(std::string(std::string_view(from)));
  } else if (from.is_int64()) {
    builder->Int(int64_t(from));
  } else {
    builder->Null();
  }
}

// What is still open is counted as the least that it can become.
RC_GTEST_PROP(HttpJson, TakesEveryPayloadWithinItsBound, ()) {
  const auto count = *rc::gen::inRange<size_t>(1, 400'000);
  const auto* item = *rc::gen::elementOf(
      std::vector<const char*>{"null", "1", "[]", "[1,2,3]", R"({"a":1,"b":[{}]})", "\"xyz\""});
  std::string payload = "[";
  for (size_t i = 0; i < count; ++i) payload.append(i > 0 ? "," : "").append(item);
  const auto read = upsert(R"({"points":[{"id":1,"vector":[],"payload":)" + payload + "]}]}");
  flexbuffers::Builder builder;
  builder.Vector([&] {
    simdjson::dom::parser parser;
    const simdjson::dom::element one = parser.parse(std::string(item));
    for (size_t i = 0; i < count; ++i) append_element(one, &builder);
  });
  builder.Finish();
  if (builder.GetSize() <= kPayloadBytesMax) RC_ASSERT(read.has_value());
}

TEST(HttpJson, BoundsTheDepthOfPayloads) {
  const auto nested = [](size_t depth) {
    return R"({"points":[{"id":1,"vector":[],"payload":)" + std::string(depth, '[') +
           std::string(depth, ']') + "}]}";
  };
  EXPECT_TRUE(upsert(nested(kJsonDepthMax)).has_value());
  // What is taken can be read by everyone else too.
  const auto lists = upsert(nested(kJsonDepthMax));
  EXPECT_TRUE(decode<api::UpsertRequest>(encode(*lists)).has_value());
  std::string maps = "1";
  for (size_t i = 0; i < kJsonDepthMax; ++i) maps.insert(0, "{\"a\":").append("}");
  const auto taken = upsert(R"({"points":[{"id":1,"vector":[],"payload":)" + maps + "}]}");
  ASSERT_TRUE(taken.has_value());
  EXPECT_TRUE(decode<api::UpsertRequest>(encode(*taken)).has_value());
  const auto deeper = upsert(nested(kJsonDepthMax + 1));
  ASSERT_FALSE(deeper.has_value());
  EXPECT_THAT(deeper.error().message(), HasSubstr("deep"));
  EXPECT_FALSE(upsert(nested(100'000)).has_value());
}

TEST(HttpJson, ReadsWhatIsMeant) {
  const auto read = upsert(
      " {\"points\" : [ {\"id\":18446744073709551615 , \"vector\":[1,-2.5,3e-1,16777217, -0]},"
      "{\"payload\":null,\"vector\":[],\"id\":\"18\\u00e9\"}],\"request_id\":7}\n");
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  EXPECT_EQ(read->request_id, 7U);
  EXPECT_EQ(read->points[0].id.number, UINT64_MAX);
  EXPECT_EQ(read->points[0].vector, (std::vector<float>{1, -2.5F, 0.3F, 16777216.F, -0.F}));
  EXPECT_TRUE(std::signbit(read->points[0].vector[4]));
  EXPECT_TRUE(read->points[1].id.is_text);
  EXPECT_EQ(read->points[1].id.text, "18\xC3\xA9");
  EXPECT_TRUE(read->points[1].payload.empty());
  const auto defaults = parse<api::SearchRequest>(R"({"vector":[]})", {"collection"});
  EXPECT_EQ(*defaults, [] {
    api::SearchRequest request;
    return request;
  }());
  const auto without_index = parse<api::CreateCollectionRequest>(
      R"({"name":"c","dimension":2,"index":null,"read_level":"eventual"})");
  EXPECT_EQ(without_index->index, std::nullopt);
  EXPECT_EQ(without_index->read_level, api::ReadLevel::eventual);
}

TEST(HttpJson, RoundsDecimalsOnceToTheNearestFloat) {
  // Just above the middle between 1 and the next float; as a double it is that middle.
  const auto above = upsert(R"({"points":[{"id":1,"vector":[1.00000005960464477540]}]})");
  ASSERT_TRUE(above.has_value());
  EXPECT_EQ(above->points[0].vector[0], std::nextafterf(1.F, 2.F));
  const auto middle = upsert(R"({"points":[{"id":1,"vector":[1.000000059604644775390625]}]})");
  EXPECT_EQ(middle->points[0].vector[0], 1.F);
  const auto tiny = upsert(R"({"points":[{"id":1,"vector":[1e-46,-1e-300,1e-45]}]})");
  EXPECT_EQ(tiny->points[0].vector[0], 0.F);
  EXPECT_TRUE(std::signbit(tiny->points[0].vector[1]));
  EXPECT_EQ(tiny->points[0].vector[2], std::bit_cast<float>(1U));
}

RC_GTEST_PROP(HttpJson, DecimalsAreReadAsTheirNearestFloat, (uint32_t bits, uint32_t more)) {
  const auto low = std::bit_cast<float>(bits & 0x7F7FFFFFU);
  const auto high = std::bit_cast<float>((bits & 0x7F7FFFFFU) + 1);
  RC_PRE(std::isfinite(high));
  // Near the middle of two floats, with more digits than a double holds.
  const long double middle = (static_cast<long double>(low) + static_cast<long double>(high)) / 2;
  const int direction = static_cast<int>(more % 3) - 1;
  const long double value = middle + static_cast<long double>(direction) * middle * 1e-18L;
  char text[64];
  std::snprintf(text, sizeof text, "%.25Le", value);
  float expected = 0;
  const auto parsed = std::from_chars(text, text + std::strlen(text), expected);
  RC_PRE(parsed.ec == std::errc());
  const auto read = upsert(std::string(R"({"points":[{"id":1,"vector":[)") + text + "]}]}");
  RC_ASSERT(read.has_value());
  RC_ASSERT(std::bit_cast<uint32_t>(read->points[0].vector[0]) ==
            std::bit_cast<uint32_t>(expected));
}

RC_GTEST_PROP(HttpJson, WholeNumbersOfAnyLengthAreReadAsTheirNearestFloat, (int64_t number)) {
  const int shift = *rc::gen::inRange(0, 64);
  const int64_t shorter = number >> shift;
  const char* blank = *rc::gen::elementOf(std::vector<const char*>{"", " ", "\n", "\r", "\t"});
  const std::string text = std::to_string(shorter) + blank;
  const auto read = upsert(R"({"points":[{"id":1,"vector":[)" + text + "," + text + "]}]}");
  RC_ASSERT(read.has_value());
  RC_ASSERT(read->points[0].vector == std::vector<float>(2, static_cast<float>(shorter)));
}

std::string utf8_text() {
  std::string text;
  for (const uint32_t kind : *rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange(0U, 9U))) {
    static constexpr const char* kPieces[] = {
        "a", "\"", "\\", "\n", "\x01", "\t", "/", "\xC3\xA9", "\xF0\x9F\x98\x80"};
    text += kPieces[kind];
  }
  return text;
}

void random_payload(flexbuffers::Builder& builder, int depth) {
  switch (*rc::gen::inRange(0, depth > 3 ? 6 : 8)) {
    case 0:
      builder.Null();
      break;
    case 1:
      builder.Bool(*rc::gen::arbitrary<bool>());
      break;
    case 2:
      builder.Int(*rc::gen::arbitrary<int64_t>());
      break;
    case 3:
      builder.UInt(*rc::gen::arbitrary<uint64_t>());
      break;
    case 4: {
      const auto value = std::bit_cast<double>(*rc::gen::arbitrary<uint64_t>());
      builder.Double(std::isfinite(value) ? value : 1.0);
      break;
    }
    case 5:
      builder.String(utf8_text());
      break;
    case 6: {
      const size_t start = builder.StartVector();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) random_payload(builder, depth + 1);
      builder.EndVector(start, false, false);
      break;
    }
    default: {
      const size_t start = builder.StartMap();
      for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        builder.Key(utf8_text() + std::to_string(i));
        random_payload(builder, depth + 1);
      }
      builder.EndMap(start);
    }
  }
}

Bytes random_payload() {
  flexbuffers::Builder builder;
  random_payload(builder, 0);
  builder.Finish();
  if (flexbuffers::GetRoot(builder.GetBuffer()).IsNull()) return {};  // The same as none.
  return builder.GetBuffer();
}

// Fills every field with something that JSON can say.
struct RandomFields {
  template <typename Field>
  void operator()(const FieldRow& row, Field& field) const {
    fill(row, field);
  }
  static void fill(const FieldRow&, bool& to) { to = *rc::gen::arbitrary<bool>(); }
  static void fill(const FieldRow&, uint8_t& to) {
    to = static_cast<uint8_t>(*rc::gen::inRange<int>(0, kCodeCount));
  }
  static void fill(const FieldRow&, uint32_t& to) { to = *rc::gen::arbitrary<uint32_t>(); }
  static void fill(const FieldRow&, uint64_t& to) { to = *rc::gen::arbitrary<uint64_t>(); }
  static void fill(const FieldRow&, float& to) {
    const auto value = std::bit_cast<float>(*rc::gen::arbitrary<uint32_t>());
    to = std::isfinite(value) ? value : 0.5F;
  }
  static void fill(const FieldRow&, std::string& to) { to = utf8_text(); }
  static void fill(const FieldRow&, Bytes& to) { to = random_payload(); }
  static void fill(const FieldRow&, api::PointId& to) {
    to.is_text = *rc::gen::arbitrary<bool>();
    to.is_text ? fill({}, to.text) : fill({}, to.number);
  }
  template <typename Enum>
    requires std::is_enum_v<Enum>
  static void fill(const FieldRow&, Enum& to) {
    to = static_cast<Enum>(*rc::gen::inRange<size_t>(0, EnumNames<Enum>::values.size()));
  }
  template <typename Item>
  static void fill(const FieldRow& row, std::optional<Item>& to) {
    if (*rc::gen::arbitrary<bool>()) fill(row, to.emplace());
  }
  template <typename Item>
  static void fill(const FieldRow& row, std::vector<Item>& to) {
    to.resize(*rc::gen::inRange<size_t>(0, 3));
    for (Item& item : to) fill(row, item);
  }
  template <typename Message>
    requires std::is_class_v<Message>
  static void fill(const FieldRow&, Message& to) {
    visit_fields(to, RandomFields());
  }
};

// Payloads may come back as another FlexBuffer that says the same: compared as JSON.
template <typename Message>
void comes_back() {
  if constexpr (std::same_as<Message, api::PointId>) {
    return;  // No object in JSON; it is tested inside the others.
  } else {
    Message message;
    visit_fields(message, RandomFields());
    const auto text = to_json(message, kBytesMax);
    RC_ASSERT(text.has_value());
    const auto back = parse<Message>(*text);
    if (!back.has_value()) RC_FAIL(*text + ": " + back.error().to_string());
    RC_ASSERT(*to_json(*back, kBytesMax) == *text);
    if (text->find("payload") == std::string::npos) RC_ASSERT(*back == message);
  }
}

template <typename... Messages>
void each_comes_back(MessageList<Messages...>) {
  (comes_back<Messages>(), ...);
}

RC_GTEST_PROP(HttpJson, EveryMessageComesBackFromItsOwnText, ()) {
  each_comes_back(api::VectronMessageList());
}

Result<std::string> payload_text(const std::string& json) {
  const auto read = upsert(R"({"points":[{"id":1,"vector":[],"payload":)" + json + "}]}");
  if (!read.has_value()) return fail(read.error());
  const auto text = to_json(read->points[0], kBytesMax);
  if (!text.has_value()) return fail(text.error());
  const size_t at = text->find("\"payload\":");
  if (at == std::string::npos) return std::string();
  return text->substr(at + 10, text->size() - at - 11);
}

TEST(HttpJson, KeepsTheTypesOfPayloads) {
  for (const char* json :
       {"1", "-1", "1.0", "-0.0", "9223372036854775807", "9223372036854775808",
        "18446744073709551615", "-9223372036854775808", "0.1", "1e+300", "true", "false", "\"\"",
        "\"a\\\"\\n\\u0000z\"", "[]", "{}", "[1,1.0,\"1\",null,[[]],{}]",
        R"({"a":{"b":[{"c":null}]},"z":1.5})", "5e-324"}) {
    EXPECT_EQ(payload_text(json).value_or("refused"), json);
  }
  EXPECT_EQ(payload_text("null").value_or("refused"), "");
  EXPECT_EQ(payload_text("-0").value_or("refused"), "-0.0");
  EXPECT_EQ(payload_text("1e2").value_or("refused"), "100.0");
}

TEST(HttpJson, WritesPayloadsThatJsonCannotHaveMade) {
  flexbuffers::Builder builder;
  builder.Vector([&] {
    builder.Float(0.5F);
    builder.IndirectInt(7);
    const uint8_t blob[] = {1, 255};
    builder.Blob(blob, 2);
    const int typed[] = {1, 2, 3};
    builder.Vector(typed, 3);
    builder.FixedTypedVector(typed, 2);
    builder.Double(std::numeric_limits<double>::quiet_NaN());
  });
  builder.Finish();
  api::Hit hit;
  hit.payload = builder.GetBuffer();
  EXPECT_THAT(*to_json(hit, kBytesMax),
              HasSubstr("\"payload\":[0.5,7,[1,255],[1,2,3],[1,2],null]"));
}

TEST(HttpJson, BoundsWhatSharedPartsOfAPayloadUnfoldTo) {
  // Each list holds the one before twice: 2^30 entries in a few hundred bytes.
  flexbuffers::Builder builder;
  const size_t all = builder.StartVector();
  builder.EndVector(builder.StartVector(), false, false);
  for (int i = 0; i < 30; ++i) {
    const flexbuffers::Builder::Value before = builder.LastValue();
    const size_t list = builder.StartVector();
    builder.ReuseValue(before);
    builder.ReuseValue(before);
    builder.EndVector(list, false, false);
  }
  builder.EndVector(all, false, false);
  builder.Finish();
  api::Hit hit;
  hit.payload = builder.GetBuffer();
  EXPECT_LT(hit.payload.size(), 1'000U);
  EXPECT_EQ(to_json(hit, kBytesMax).error().code(), Code::out_of_range);
}

TEST(HttpJson, RefusesToWriteMoreThanItsBound) {
  api::Hit hit;
  hit.vector.assign(1'000, 0.25F);
  const auto text = to_json(hit, 500);
  ASSERT_FALSE(text.has_value());
  EXPECT_EQ(text.error().code(), Code::out_of_range);
  hit.vector.clear();
  hit.payload = {1, 2, 3};
  EXPECT_EQ(to_json(hit, kBytesMax).error().code(), Code::data_loss);
}

TEST(HttpBinding, TakesDigitsForANumberUnlessTold) {
  EXPECT_EQ(point_id_from_text("7", IdType::automatic)->number, 7U);
  EXPECT_FALSE(point_id_from_text("7", IdType::automatic)->is_text);
  EXPECT_EQ(point_id_from_text("7", IdType::text)->text, "7");
  EXPECT_EQ(point_id_from_text("a7", IdType::automatic)->text, "a7");
  EXPECT_EQ(point_id_from_text("18446744073709551615", IdType::number)->number, UINT64_MAX);
  for (const char* bad : {"007", "18446744073709551616"}) {
    const auto id = point_id_from_text(bad, IdType::automatic);
    ASSERT_FALSE(id.has_value()) << bad;
    EXPECT_THAT(id.error().message(), HasSubstr("id_type=text"));
    EXPECT_EQ(point_id_from_text(bad, IdType::text)->text, bad);
  }
  EXPECT_FALSE(point_id_from_text("x", IdType::number).has_value());
  EXPECT_FALSE(point_id_from_text("\xFF", IdType::automatic).has_value());
}

TEST(HttpBinding, PutsPathAndQueryIntoFields) {
  http::Request request;
  request.parameters = {{"collection", "c"}, {"id", "7"}};
  request.query = {{"read_level", "eventual"}, {"timeout_ms", "250"}, {"id_type", "text"}};
  const auto options = request_options(request);
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->timeout, 250ms);
  api::GetRequest get;
  ASSERT_TRUE(bind_fields(request, *options, true, &get).has_value());
  EXPECT_EQ(get.collection, "c");
  EXPECT_EQ(get.id.text, "7");
  EXPECT_EQ(get.read_level, api::ReadLevel::eventual);
  EXPECT_EQ(bind_fields(request, *options, false, &get).error().field(), "read_level");
}

TEST(HttpBinding, RefusesBadParameters) {
  const auto refused = [](std::vector<http::Field> query) {
    http::Request request;
    request.parameters = {{"collection", "c"}, {"id", "7"}};
    request.query = std::move(query);
    const auto options = request_options(request);
    if (!options.has_value()) return options.error().field();
    api::GetRequest get;
    const auto bound = bind_fields(request, *options, true, &get);
    return bound.has_value() ? std::string("nothing") : bound.error().field();
  };
  EXPECT_EQ(refused({{"colour", "red"}}), "colour");
  EXPECT_EQ(refused({{"collection", "d"}}), "collection");
  EXPECT_EQ(refused({{"read_level", "psychic"}}), "read_level");
  EXPECT_EQ(refused({{"timeout_ms", "0"}}), "timeout_ms");
  EXPECT_EQ(refused({{"timeout_ms", "-1"}}), "timeout_ms");
  EXPECT_EQ(refused({{"timeout_ms", "1"}, {"timeout_ms", "2"}}), "timeout_ms");
  EXPECT_EQ(refused({{"id_type", "float"}}), "id_type");
  EXPECT_EQ(refused({}), "nothing");
  http::Request request;
  request.headers = {{"x-request-timeout-ms", "soon"}};
  EXPECT_EQ(request_options(request).error().field(), "x-request-timeout-ms");
}

}  // namespace
}  // namespace vectron::gateway
