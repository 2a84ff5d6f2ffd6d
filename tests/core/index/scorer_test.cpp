#include "core/index/scorer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/index/exact_scan.h"
#include "core/index/graph_walk.h"
#include "tests/core/index/points.h"

namespace vectron::index {
namespace {

using testing::clustered_vectors;
using testing::Vector;

constexpr uint32_t kDimension = 8;
constexpr Slot kPoints = 2'000;

// A form of rows that the product does not have: whole numbers of a byte.
class ByteCodec {
 public:
  using Element = int8_t;
  explicit ByteCodec(uint32_t dimension) : dimension_(dimension) {}
  uint32_t dimension() const { return dimension_; }
  uint32_t row_elements() const { return dimension_; }
  void encode(std::span<const float> vector, RowForm, int8_t* row) const {
    for (const float element : vector) *row++ = static_cast<int8_t>(element);
  }
  std::span<const uint8_t> content(const int8_t* row) const {
    return {reinterpret_cast<const uint8_t*>(row), dimension_};
  }
  Vector decode(const int8_t* row) const { return {row, row + dimension_}; }

 private:
  uint32_t dimension_;
};

class ByteScorer {
 public:
  ByteScorer(const RowStore<ByteCodec>& rows, const int8_t* query) : rows_(&rows), query_(query) {}
  float to(Slot slot) const { return to_row(rows_->row(slot)); }
  float to_row(const int8_t* row) const {
    int sum = 0;
    for (uint32_t i = 0; i < rows_->dimension(); ++i) {
      sum += (query_[i] - row[i]) * (query_[i] - row[i]);
    }
    return static_cast<float>(sum);
  }
  ByteScorer from(Slot slot) const { return {*rows_, rows_->row(slot)}; }
  const RowStore<ByteCodec>& rows() const { return *rows_; }
  void prefetch(Slot slot) const { rows_->prefetch(slot); }
  bool prefetches_lists() const { return true; }

 private:
  const RowStore<ByteCodec>* rows_;
  const int8_t* query_;
};
static_assert(RowCodec<ByteCodec> && Scorer<ByteScorer>);

// Vectors of whole numbers, which both forms hold exactly.
std::vector<Vector> whole_vectors() {
  std::vector<Vector> vectors = clustered_vectors("points", kDimension, kPoints);
  for (Vector& vector : vectors) {
    for (float& element : vector) element = std::round(std::clamp(20 * element, -120.0f, 120.0f));
  }
  return vectors;
}

std::vector<Slot> slots_of(TopK* best) {
  std::vector<Slot> slots;
  for (const NeighborKey key : best->take()) slots.push_back(slot_of(key));
  return slots;
}

struct TwoForms {
  TwoForms() {
    for (const Vector& vector : whole_vectors()) {
      bytes.append(vector);
      graph.add(floats.append(vector));
    }
  }
  Float32Scorer by_floats(Slot query) const {
    return {floats, distance_function(Metric::euclidean), query};
  }
  ByteScorer by_bytes(Slot query) const { return {bytes, bytes.row(query)}; }

  VectorStore floats{kDimension};
  RowStore<ByteCodec> bytes{kDimension};
  Graph graph{floats, distance_function(Metric::euclidean), {}};
};

TEST(Scorer, AnotherFormOfRowsIsWalkedAndScannedAlike) {
  const TwoForms world;
  const auto all = [](Slot) { return true; };
  for (Slot query = 0; query < kPoints; query += 100) {
    TopK by_floats(10);
    TopK by_bytes(10);
    EXPECT_TRUE(world.graph.search(world.by_floats(query), {.ef = 20}, all, &by_floats));
    EXPECT_TRUE(world.graph.search(world.by_bytes(query), {.ef = 20}, all, &by_bytes));
    EXPECT_EQ(by_floats.take(), by_bytes.take());
    exact_scan(world.by_floats(query), 0, kPoints, all, &by_floats);
    exact_scan(world.by_bytes(query), 0, kPoints, all, &by_bytes);
    EXPECT_EQ(by_floats.take(), by_bytes.take());
  }
}

TEST(Scorer, ComparesSlotsWithOneAnother) {
  const TwoForms world;
  EXPECT_EQ(world.by_floats(3).from(5).to(7), world.by_floats(7).to(5));
  EXPECT_EQ(world.by_bytes(3).from(5).to(7), world.by_floats(7).to(5));
}

// Refused slots lead on to others and are in no answer, whatever they are refused for.
TEST(Accept, SearchesAnswerWhatItLetsThroughAndNothingElse) {
  const TwoForms world;
  for (const Slot step : {2, 7, 50}) {
    const auto accept = [step](Slot slot) { return slot % step == 0; };
    for (Slot query = 0; query < kPoints; query += 250) {
      TopK expected(5);
      for (Slot slot = 0; slot < kPoints; slot += step) {
        expected.offer(world.by_floats(query).to(slot), slot);
      }
      const std::vector<NeighborKey> wanted = expected.take();
      TopK scanned(5);
      exact_scan(world.by_floats(query), 0, kPoints, accept, &scanned);
      EXPECT_EQ(scanned.take(), wanted);
      TopK walked(5);
      EXPECT_TRUE(world.graph.search(world.by_floats(query), {.ef = 500}, accept, &walked));
      const std::vector<Slot> found = slots_of(&walked);
      EXPECT_EQ(found.size(), 5u);
      for (const Slot slot : found) EXPECT_TRUE(accept(slot)) << slot;
    }
  }
}

TEST(Float32Codec, KeepsWhatDistancesNeed) {
  const Float32Codec codec(20);
  EXPECT_EQ(codec.row_elements(), 32u) << "a row begins on a cache line";
  EXPECT_EQ(Float32Codec(3).row_elements(), 3u) << "short rows stay packed";
  Vector given(20, 2.0f);
  given[7] = -0.0f;
  Vector row(32);
  codec.encode(given, RowForm::given, row.data());
  EXPECT_FALSE(std::signbit(codec.decode(row.data())[7])) << "equal vectors have equal bits";
  EXPECT_TRUE(std::ranges::equal(codec.decode(row.data()), given));
  EXPECT_EQ(codec.content(row.data()).size(), 20 * sizeof(float));
  codec.encode(given, RowForm::normalized, row.data());
  double length = 0;
  for (const float element : codec.decode(row.data())) length += double{element} * element;
  EXPECT_NEAR(length, 1.0, 1e-6);
}

}  // namespace
}  // namespace vectron::index
