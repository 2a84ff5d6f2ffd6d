#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "core/base/random.h"
#include "services/daemon/demo_dataset.h"
#include "services/daemon/demo_exact.h"
#include "services/daemon/demo_report.h"

namespace vectron::demo {
namespace {

Images random_images(uint64_t seed, size_t count) {
  RandomStream random(seed);
  Images images;
  images.labels.resize(count);
  for (size_t i = 0; i < count * kDimension; ++i) {
    images.pixels.push_back(static_cast<uint8_t>(random.below(256)));
  }
  return images;
}

RC_GTEST_PROP(ExactRadii, EqualSortingAllDistances, (uint64_t seed)) {
  const Images points = random_images(seed, *rc::gen::inRange<size_t>(10, 600));
  const Images queries = random_images(seed + 1, *rc::gen::inRange<size_t>(1, 5));
  const auto k = *rc::gen::inRange<size_t>(1, 11);
  const std::vector<int32_t> radii = exact_radii(points, queries, k, [](double) {});
  for (size_t q = 0; q < queries.count(); ++q) {
    std::vector<int32_t> distances;
    for (size_t p = 0; p < points.count(); ++p) {
      distances.push_back(squared_distance(points.row(p), queries.row(q)));
    }
    std::sort(distances.begin(), distances.end());
    RC_ASSERT(radii[q] == distances[k - 1]);
  }
}

TEST(Recall, CountsEachPlaceOnceAndNothingThatIsTooFar) {
  Images points = random_images(1, 5);
  std::fill(points.pixels.begin(), points.pixels.end(), 0);
  points.pixels[4 * kDimension] = 100;  // Point 4 is far, the others are equal.
  const std::vector<uint8_t> query(kDimension, 0);
  EXPECT_EQ(recall_of(points, query, {0, 1}, 0, 2), 1.0);
  EXPECT_EQ(recall_of(points, query, {2, 3}, 0, 2), 1.0);  // Ties are as good.
  EXPECT_EQ(recall_of(points, query, {0, 0}, 0, 2), 0.5);
  EXPECT_EQ(recall_of(points, query, {0, 4}, 0, 2), 0.5);
  EXPECT_EQ(recall_of(points, query, {0, 99}, 0, 2), 0.5);
  EXPECT_EQ(recall_of(points, query, {}, 0, 2), 0.0);
}

TEST(Dataset, IsTheOneThatIsMeant) {
  const auto dataset = read_dataset("/usr/share/datasets/fashion-mnist");
  ASSERT_TRUE(dataset.has_value()) << dataset.error().to_string();
  EXPECT_EQ(dataset->points.count(), 60'000U);
  EXPECT_EQ(dataset->queries.count(), 10'000U);
  EXPECT_EQ(dataset->points.pixels.size(), 60'000U * kDimension);
  for (const uint8_t label : dataset->points.labels) ASSERT_LT(label, 10);
}

TEST(Dataset, SaysWhatToInstallWhenItIsAbsent) {
  const auto dataset = read_dataset("/nowhere");
  EXPECT_EQ(status_of(dataset).code(), Code::not_found);
  EXPECT_NE(dataset.error().message().find("dataset-fashion-mnist"), std::string::npos);
}

TEST(Report, IsGoodOnlyWhenNothingIsLostAndRecallHolds) {
  Report good;
  good.points = good.points_after_kill = 60'000;
  good.recall_at_10 = good.recall_at_10_after_kill = good.http_recall_at_10 = kRecallMin;
  EXPECT_TRUE(good_enough(good));
  for (const auto spoil : std::vector<void (*)(Report*)>{
           [](Report* report) { report->recall_at_10 = 0.97; },
           [](Report* report) { report->http_recall_at_10 = 0.97; },
           [](Report* report) { report->recall_at_10_after_kill = 0.97; },
           [](Report* report) { report->acknowledged_lost = 1; },
           [](Report* report) { report->points_after_kill = 59'999; }}) {
    Report bad = good;
    spoil(&bad);
    EXPECT_FALSE(good_enough(bad));
  }
}

TEST(Report, IsOneJsonObjectOnOneLine) {
  const std::string json = to_json(Report());
  EXPECT_EQ(json.front(), '{');
  EXPECT_EQ(json.back(), '}');
  EXPECT_EQ(json.find('\n'), std::string::npos);
  for (const char* name : {"points", "ingest_per_s", "recall_at_10", "rpc_qps", "p50_ms", "p99_ms",
                           "acknowledged_lost", "restart_s", "recall_at_10_after_kill",
                           "points_after_kill", "http_qps", "processes"}) {
    EXPECT_NE(json.find("\"" + std::string(name) + "\": "), std::string::npos) << name;
  }
}

}  // namespace
}  // namespace vectron::demo
