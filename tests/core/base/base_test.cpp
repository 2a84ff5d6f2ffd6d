#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/base/assert.h"
#include "core/base/bytes.h"
#include "core/base/hash.h"
#include "core/base/ids.h"
#include "core/base/random.h"
#include "core/base/result.h"

namespace vectron {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return fail(Code::invalid_argument, "odd", "value");
  return value / 2;
}
Result<int> quarter(int value) {
  VECTRON_TRY(const int first, half(value));
  VECTRON_TRY(const int second, half(first));
  return second;
}

TEST(Result, TryReturnsTheFirstError) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().field(), "value");
}

TEST(Status, SuccessTakesAPointerAndErrorsAreCopiedWhole) {
  static_assert(sizeof(Status) == sizeof(void*));
  EXPECT_TRUE(Status().ok());
  EXPECT_EQ(Status(), Status(Code::ok, ""));
  const Status error =
      Status(Code::not_found, "no such collection", "name").with_detail(Bytes{1, 2});
  Status copy = error;
  EXPECT_EQ(copy, error);
  copy = Status();
  EXPECT_TRUE(copy.ok());
  EXPECT_TRUE(copy.message().empty());
  EXPECT_EQ(error.field(), "name");
  copy = error.with_context("search");
  EXPECT_EQ(copy.message(), "search: no such collection");
  EXPECT_EQ(copy.detail(), error.detail());
  EXPECT_NE(copy, error);
  const Status moved = std::move(copy);
  EXPECT_EQ(moved.code(), Code::not_found);
  EXPECT_FALSE(moved.ok());
}

TEST(Status, EveryCodeHasANameAndAnHttpStatus) {
  std::set<std::string_view> names;
  for (uint8_t code = 0; code < kCodeCount; ++code) {
    names.insert(code_name(static_cast<Code>(code)));
    const int http = http_status(static_cast<Code>(code));
    EXPECT_TRUE(http == 200 || (http >= 400 && http < 600));
  }
  EXPECT_EQ(names.size(), kCodeCount);
  EXPECT_FALSE(certainly_not_done(Code::unknown_outcome));
  EXPECT_TRUE(certainly_not_done(Code::unavailable));
}

TEST(Assert, PrintsConditionAndOperands) {
  EXPECT_DEATH(VECTRON_ASSERT(1 + 1 == 3, "sum {}", 2), "1 \\+ 1 == 3: sum 2");
}

TEST(ByteReader, TurnsBadAtTheEndAndStaysSo) {
  Bytes bytes;
  ByteWriter writer(bytes);
  writer.put<uint32_t>(7);
  writer.put_sized(as_bytes("abc"));
  ByteReader reader(bytes);
  EXPECT_EQ(reader.get<uint32_t>(), 7u);
  EXPECT_EQ(as_text(reader.get_sized()), "abc");
  EXPECT_TRUE(reader.done());
  EXPECT_EQ(reader.get<uint8_t>(), 0);
  EXPECT_FALSE(reader.ok());
  ByteReader truncated(ByteView(bytes).first(6));
  truncated.get<uint32_t>();
  EXPECT_TRUE(truncated.get_sized().empty());
  EXPECT_FALSE(truncated.ok());
}

RC_GTEST_PROP(Bytes, BigEndianKeepsOrder, (uint64_t a, uint64_t b)) {
  Bytes left, right;
  put_big_endian(left, a);
  put_big_endian(right, b);
  RC_ASSERT(get_big_endian(left) == a);
  RC_ASSERT((left < right) == (a < b));
}

TEST(Hash, ValuesArePinned) {
  EXPECT_EQ(hash64("vectron", 1), UINT64_C(16814658647811187806));
  EXPECT_EQ(mix64(0),
            UINT64_C(0xe220a8397b1dcdaf));  // The first output of splitmix64 seeded with 0.
}

TEST(Hash, AChecksumInPiecesIsTheChecksumOfTheWhole) {
  EXPECT_TRUE(rc::check([](const Bytes& bytes, const std::vector<uint8_t>& pieces) {
    ChecksumStream stream;
    ByteView rest = bytes;
    for (size_t i = 0; !rest.empty(); ++i) {
      const size_t piece = pieces.empty() ? rest.size() : pieces[i % pieces.size()] + 1u;
      const size_t count = std::min(piece, rest.size());
      stream.add(rest.first(count));
      rest = rest.subspan(count);
    }
    RC_ASSERT(stream.value() == checksum64(bytes));
  }));
  // Long inputs take another way through XXH3.
  const Bytes large(100'000, 7);
  ChecksumStream stream;
  for (size_t begin = 0; begin < large.size(); begin += 999) {
    stream.add(ByteView(large).subspan(begin, std::min<size_t>(999, large.size() - begin)));
  }
  EXPECT_EQ(stream.value(), checksum64(large));
}

TEST(RandomStream, StreamsAreIndependentAndRepeatable) {
  RandomStream a(7, "net[a->b]"), again(7, "net[a->b]"), other(7, "net[b->a]"),
      later(7, "net[a->b]", 1);
  const uint64_t first = a.next();
  EXPECT_EQ(again.next(), first);
  EXPECT_NE(other.next(), first);
  EXPECT_NE(later.next(), first);
}

RC_GTEST_PROP(RandomStream, StaysInItsBounds, (uint64_t seed, uint64_t x, uint64_t y)) {
  RandomStream stream(seed);
  const uint64_t low = std::min(x, y), high = std::max(x, y);
  for (int i = 0; i < 50; ++i) {
    const uint64_t uniform = stream.between(low, high), tail = stream.heavy_tail(low, high);
    RC_ASSERT(low <= uniform && uniform <= high);
    RC_ASSERT(low <= tail && tail <= high);
    const float unit = stream.unit_float();
    RC_ASSERT(-1.0F <= unit && unit < 1.0F);
  }
}

TEST(RandomStream, ChanceComesOutAboutRight) {
  RandomStream stream(3);
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) hits += stream.chance_ppm(250'000);
  EXPECT_NEAR(hits, 25'000, 1'000);
}

TEST(RandomStream, HeavyTailIsMostlyNearItsLowEnd) {
  RandomStream stream(5);
  int near = 0, far = 0;
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t value = stream.heavy_tail(0, 1'000'000);
    near += value < 130'000;
    far += value > 500'000;
  }
  EXPECT_GT(near, 70'000);
  EXPECT_GT(far, 500);
}

TEST(StrongId, ComparesAndPrints) {
  EXPECT_LT(LogIndex(3), LogIndex(3) + 1);
  EXPECT_EQ(LogIndex(9) - LogIndex(4), 5u);
  EXPECT_FALSE(NodeId());
  EXPECT_EQ(fmt::format("{}", ShardId(12)), "12");
}

}  // namespace
}  // namespace vectron
