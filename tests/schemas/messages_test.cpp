// Encoding and decoding of every message of every contract.
#include <flatbuffers/flatbuffers.h>
#include <flatbuffers/flexbuffers.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/base/random.h"
#include "schemas/echo_fields.h"
#include "schemas/placement_fields.h"
#include "schemas/raft_fields.h"
#include "schemas/storage_fields.h"
#include "schemas/vectron_fields.h"
#include "schemas/worker_fields.h"

namespace vectron {
namespace {

/// Fills messages with random values: every shape that the schema allows, empty ones too.
class Filler {
 public:
  explicit Filler(uint64_t seed) : random_(seed) {}

  template <typename T>
  void fill(const FieldRow& row, T& value) {
    if constexpr (std::is_same_v<T, Bytes>) {
      if (row.flexbuffer) return fill_flexbuffer(value);
      fill_vector(row, value);
    } else if constexpr (requires { value.emplace_back(); } && !std::is_same_v<T, std::string>) {
      fill_vector(row, value);
    } else {
      fill_one(row, value);
    }
  }

  template <typename Message>
  Message message() {
    Message out;
    fill_message(out);
    return out;
  }

 private:
  template <typename Message>
  void fill_message(Message& out) {
    visit_fields(out, [this](const FieldRow& row, auto& value) { this->fill(row, value); });
  }

  template <typename T>
  void fill_one(const FieldRow& row, T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      value = random_.below(2) == 1;
    } else if constexpr (std::is_same_v<T, std::string>) {
      value.resize(random_.below(4) == 0 ? 0 : random_.below(40));
      for (char& letter : value) letter = static_cast<char>(random_.next());
    } else if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(random_.below(EnumNames<T>::values.size()));
    } else if constexpr (std::is_floating_point_v<T>) {
      value = random_.unit_float() * static_cast<T>(1ULL << random_.below(60));
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(random_.next() >> random_.below(64));
    } else if constexpr (requires { value.has_value(); }) {
      value.reset();
      if (random_.below(2) == 1) fill_one(row, value.emplace());
    } else {
      fill_message(value);
    }
  }

  template <typename T>
  void fill_vector(const FieldRow& row, std::vector<T>& values) {
    const size_t count = random_.below(4) == 0 ? 0 : random_.below(6);
    for (size_t i = 0; i < count; ++i) {
      T value{};
      fill_one(row, value);
      values.push_back(value);
    }
  }

  void fill_flexbuffer(Bytes& value) {
    if (random_.below(3) == 0) return;
    flexbuffers::Builder builder;
    builder.Map([&] {
      builder.Int("label", static_cast<int64_t>(random_.next()));
      builder.String("text", std::string(random_.below(20), 'x'));
      builder.Vector("list", [&] { builder.Double(random_.unit_float()); });
    });
    builder.Finish();
    value = builder.GetBuffer();
  }

  RandomStream random_;
};

template <typename Message>
void check_round_trip(uint64_t seed) {
  Filler filler(seed);
  const Message message = filler.message<Message>();
  const Bytes bytes = encode(message);
  const Result<Message> back = decode<Message>(bytes);
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == message);
  // Wherever the bytes lie.
  Bytes shifted(bytes.size() + 8);
  const size_t shift = 1 + seed % 7;
  std::ranges::copy(bytes, shifted.begin() + static_cast<ptrdiff_t>(shift));
  const Result<Message> unaligned = decode<Message>(ByteView(shifted).subspan(shift, bytes.size()));
  RC_ASSERT(unaligned.has_value());
  RC_ASSERT(*unaligned == message);
}

template <typename... Messages>
void check_all(MessageList<Messages...>, uint64_t seed) {
  (check_round_trip<Messages>(seed), ...);
}

RC_GTEST_PROP(Messages, ComeBackAsTheyWereInEveryContract, (uint64_t seed)) {
  check_all(test::EchoMessageList(), seed);
  check_all(api::VectronMessageList(), seed);
  check_all(wire::ModelMessageList(), seed);
  check_all(wire::WorkerMessageList(), seed);
  check_all(wire::PlacementMessageList(), seed);
  check_all(wire::RaftMessageList(), seed);
  check_all(stored::StorageMessageList(), seed);
}

/// Damaged bytes: refused, or read as something else; never a crash (the sanitizers watch).
template <typename Message>
void check_damage(uint64_t seed) {
  Filler filler(seed);
  RandomStream random(seed, "damage");
  Bytes bytes = encode(filler.message<Message>());
  for (int i = 0; i < 20; ++i) {
    Bytes damaged = bytes;
    for (uint64_t flips = 1 + random.below(4); flips > 0; --flips) {
      damaged[random.below(damaged.size())] ^= static_cast<uint8_t>(1 << random.below(8));
    }
    if (random.below(4) == 0) damaged.resize(random.below(damaged.size()));
    const Result<Message> read = decode<Message>(damaged);
    if (!read.has_value()) RC_ASSERT(read.error().code() == Code::invalid_argument);
  }
}

template <typename... Messages>
void damage_all(MessageList<Messages...>, uint64_t seed) {
  (check_damage<Messages>(seed), ...);
}

RC_GTEST_PROP(Messages, AreReadSafelyWhenDamaged, (uint64_t seed)) {
  damage_all(test::EchoMessageList(), seed);
  damage_all(api::VectronMessageList(), seed);
  damage_all(wire::WorkerMessageList(), seed);
  damage_all(stored::StorageMessageList(), seed);
}

test::Everything everything() {
  test::Everything message;
  message.n = "n";
  message.v.name = "v";
  return message;
}

TEST(Messages, TakeTheirDefaultsFromTheSchema) {
  const test::Everything message;
  EXPECT_EQ(message.a, -3);
  EXPECT_EQ(message.b, 7);
  EXPECT_EQ(message.e, -100'000);
  EXPECT_EQ(message.h, uint64_t{INT64_MAX});
  EXPECT_EQ(message.i, 0.5f);
  EXPECT_TRUE(message.j);
  EXPECT_EQ(message.k, std::nullopt);
  EXPECT_EQ(message.l, test::Colour::green);
  EXPECT_EQ(message.u, std::nullopt);
  EXPECT_EQ(message.v.weight, 1.5);
}

/// What an empty table is read as must be what a new struct holds, or a field that is never set
/// would change on its way.
template <typename... Messages>
void check_defaults(MessageList<Messages...>) {
  const Bytes empty = encode(api::ListCollectionsRequest{});
  const auto check = [&]<typename Message>(Message fresh) {
    const Result<Message> read = decode<Message>(empty);
    if (read.has_value()) EXPECT_EQ(encode(*read), encode(fresh));
    if (read.has_value()) EXPECT_TRUE(*read == fresh);
  };
  (check(Messages{}), ...);
}

TEST(Messages, ReadAnEmptyTableAsANewStruct) {
  check_defaults(test::EchoMessageList());
  check_defaults(api::VectronMessageList());
  check_defaults(wire::ModelMessageList());
  check_defaults(wire::WorkerMessageList());
  check_defaults(wire::PlacementMessageList());
  check_defaults(wire::RaftMessageList());
  check_defaults(stored::StorageMessageList());
}

TEST(Messages, TellAnAbsentNumberFromZero) {
  test::Everything message = everything();
  EXPECT_EQ(decode<test::Everything>(encode(message))->k, std::nullopt);
  message.k = 0;
  EXPECT_EQ(decode<test::Everything>(encode(message))->k, 0u);
}

TEST(Messages, KeepEveryBitOfAVector) {
  wire::ShardSearchRequest message;
  for (uint32_t bits : {0x7fc00001u, 0xff800000u, 0x80000000u, 0x00000001u, 0x7f7fffffu}) {
    message.vector.push_back(std::bit_cast<float>(bits));
  }
  const auto back = decode<wire::ShardSearchRequest>(encode(message));
  ASSERT_EQ(back->vector.size(), 5u);
  // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): the bits are what is asked for.
  EXPECT_EQ(std::memcmp(back->vector.data(), message.vector.data(), 5 * sizeof(float)), 0);
}

TEST(Messages, NameTheFieldThatIsMissing) {
  // An empty table is a valid buffer of any table that requires nothing, so only our reader can
  // notice.
  const auto missing = decode<test::Everything>(encode(test::CountRequest{}));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code(), Code::invalid_argument);
  EXPECT_EQ(missing.error().field(), "n");
}

TEST(Messages, NameTheFieldInsideOthers) {
  // The first field of both is a vector of tables.
  stored::KeyValuePage page;
  page.pairs.resize(2);
  const auto points = decode<api::SearchReply>(encode(page));
  ASSERT_FALSE(points.has_value());
  EXPECT_EQ(points.error().field(), "hits[0].id");
}

TEST(Messages, RefuseAnUnknownEnumerator) {
  test::Everything message = everything();
  message.l = static_cast<test::Colour>(3);
  const auto unknown = decode<test::Everything>(encode(message));
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().field(), "l");
}

TEST(Messages, RefuseBytesThatAreNotAFlexBuffer) {
  api::Point point;
  point.payload = {1, 2, 3};
  const auto damaged = decode<api::Point>(encode(point));
  ASSERT_FALSE(damaged.has_value());
  EXPECT_EQ(damaged.error().field(), "payload");
}

TEST(Messages, RefuseABufferThatDescribesFarMoreThanItHolds) {
  // 2,000 offsets to one table with 40,000 bytes of vector: 80 MB out of 50 KB.
  flatbuffers::FlatBufferBuilder builder;
  const auto value = builder.CreateVector(std::vector<uint8_t>(40'000, 1));
  const auto start = builder.StartTable();
  builder.AddOffset(flatbuffers::FieldIndexToOffset(1), value);
  const flatbuffers::Offset<flatbuffers::Table> pair(builder.EndTable(start));
  const auto pairs =
      builder.CreateVector(std::vector<flatbuffers::Offset<flatbuffers::Table>>(2'000, pair));
  const auto page_start = builder.StartTable();
  builder.AddOffset(flatbuffers::FieldIndexToOffset(0), pairs);
  builder.Finish(flatbuffers::Offset<flatbuffers::Table>(builder.EndTable(page_start)));
  const auto page = decode<stored::KeyValuePage>({builder.GetBufferPointer(), builder.GetSize()});
  ASSERT_FALSE(page.has_value());
  EXPECT_EQ(page.error().code(), Code::invalid_argument);
  EXPECT_EQ(page.error().field(), "pairs[4].value");
}

// What the list would become is bounded before it is made: 480,000 points of 96 bytes out of 1.9
// MB.
TEST(Messages, RefuseAListOfOnePointManyTimes) {
  constexpr size_t kPoints = 480'000;
  flatbuffers::FlatBufferBuilder builder;
  const auto vector = builder.CreateVector(std::vector<float>{1});
  const auto id_start = builder.StartTable();
  const flatbuffers::Offset<flatbuffers::Table> id(builder.EndTable(id_start));
  const auto point_start = builder.StartTable();
  builder.AddOffset(flatbuffers::FieldIndexToOffset(0), id);
  builder.AddOffset(flatbuffers::FieldIndexToOffset(1), vector);
  const flatbuffers::Offset<flatbuffers::Table> point(builder.EndTable(point_start));
  const auto points =
      builder.CreateVector(std::vector<flatbuffers::Offset<flatbuffers::Table>>(kPoints, point));
  const auto collection = builder.CreateString("c");
  const auto start = builder.StartTable();
  builder.AddOffset(flatbuffers::FieldIndexToOffset(0), collection);
  builder.AddOffset(flatbuffers::FieldIndexToOffset(1), points);
  builder.Finish(flatbuffers::Offset<flatbuffers::Table>(builder.EndTable(start)));
  ASSERT_LT(builder.GetSize(), 2'000'000U);
  const auto request = decode<api::UpsertRequest>({builder.GetBufferPointer(), builder.GetSize()});
  ASSERT_FALSE(request.has_value());
  EXPECT_EQ(request.error().code(), Code::invalid_argument);
  EXPECT_EQ(request.error().field(), "points");
  EXPECT_NE(request.error().message().find("480000"), std::string::npos);
}

TEST(Messages, RefuseWhatIsNoBufferAtAll) {
  EXPECT_FALSE(decode<wire::WriteRequest>({}).has_value());
  EXPECT_FALSE(decode<wire::WriteRequest>(as_bytes("GET / HTTP/1.1\r\n\r\n")).has_value());
}

}  // namespace
}  // namespace vectron
