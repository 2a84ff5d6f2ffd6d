#include "services/gateway/merge.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <tuple>

namespace vectron::gateway {
namespace {

wire::ShardHit hit(float distance, uint64_t number) {
  wire::ShardHit out;
  out.distance = distance;
  out.id.number = number;
  return out;
}

wire::ShardHit text_hit(float distance, std::string text) {
  wire::ShardHit out;
  out.distance = distance;
  out.id.is_text = true;
  out.id.text = std::move(text);
  return out;
}

std::vector<uint64_t> numbers(const std::vector<wire::ShardHit>& hits) {
  std::vector<uint64_t> out;
  for (const wire::ShardHit& each : hits) out.push_back(each.id.number);
  return out;
}

TEST(MergeHits, TakesTheNearestOfAllShards) {
  const auto merged = merge_hits({{hit(1, 10), hit(4, 11)}, {hit(2, 20), hit(3, 21)}, {}}, 3);
  EXPECT_EQ(numbers(merged), (std::vector<uint64_t>{10, 20, 21}));
}

TEST(MergeHits, OrdersNegativeDistancesOfSimilarPointsFirst) {
  const auto merged = merge_hits({{hit(-0.5F, 1)}, {hit(-0.9F, 2)}}, 2);
  EXPECT_EQ(numbers(merged), (std::vector<uint64_t>{2, 1}));
}

TEST(MergeHits, BreaksTiesByIdNumbersBeforeTexts) {
  const auto merged = merge_hits({{text_hit(1, "a")}, {hit(1, 9)}, {hit(1, 3)}}, 3);
  EXPECT_EQ(merged[0].id.number, 3U);
  EXPECT_EQ(merged[1].id.number, 9U);
  EXPECT_EQ(merged[2].id.text, "a");
}

TEST(MergeHits, CutsASingleListToo) {
  EXPECT_EQ(numbers(merge_hits({{hit(1, 1), hit(2, 2)}}, 1)), (std::vector<uint64_t>{1}));
}

RC_GTEST_PROP(MergeHits, EqualsSortingEverything, ()) {
  // Few distances and ids, so that ties are common.
  const auto make = rc::gen::map(
      rc::gen::tuple(rc::gen::inRange(-3, 3), rc::gen::inRange(0, 5), rc::gen::arbitrary<bool>()),
      [](const std::tuple<int, int, bool>& parts) {
        const auto& [distance, id, is_text] = parts;
        const float value = static_cast<float>(distance) / 2;
        return is_text ? text_hit(value, std::string(static_cast<size_t>(id) + 1, 'x'))
                       : hit(value, static_cast<uint64_t>(id));
      });
  auto lists = *rc::gen::container<std::vector<std::vector<wire::ShardHit>>>(
      rc::gen::container<std::vector<wire::ShardHit>>(make));
  const auto k = *rc::gen::inRange<size_t>(0, 12);
  std::vector<wire::ShardHit> all;
  for (auto& list : lists) {
    std::sort(list.begin(), list.end(), comes_before);
    all.insert(all.end(), list.begin(), list.end());
  }
  // The twin: PointId's own order, and no cleverness.
  std::sort(all.begin(), all.end(), [](const auto& left, const auto& right) {
    return std::tuple(left.distance, left.id.is_text, left.id.text, left.id.number) <
           std::tuple(right.distance, right.id.is_text, right.id.text, right.id.number);
  });
  if (all.size() > k) all.resize(k);
  RC_ASSERT(merge_hits(lists, k) == all);
}

}  // namespace
}  // namespace vectron::gateway
