// The parts of the bench suite that decide what its figures say.
#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "tests/bench/suite/calibration.h"
#include "tests/bench/suite/report.h"

namespace vectron::bench {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

RC_GTEST_PROP(BenchCalibration, FindsTheSmallestEfThatIsGoodEnough, ()) {
  const auto needed = *rc::gen::inRange<size_t>(1, 900);
  size_t asked = 0;
  const auto found = calibrate([&](size_t ef) -> Result<double> {
    ++asked;
    return ef >= needed ? 0.995 : 0.98;
  });
  RC_ASSERT(found.has_value());
  RC_ASSERT(found->ef == std::max(needed, kEfMin));
  RC_ASSERT(found->recall == 0.995);
  RC_ASSERT(asked <= 20U);
}

TEST(BenchCalibration, GivesUpWhereNoEfIsGoodEnough) {
  const auto found = calibrate([](size_t) -> Result<double> { return 0.98; });
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code(), Code::failed_precondition);
}

RC_GTEST_PROP(BenchReport, PercentilesAreValuesOfTheirRank, ()) {
  const auto values =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(-50, 50)));
  std::vector<double> sorted(values.begin(), values.end());
  const std::vector<double> given = sorted;
  std::ranges::sort(sorted);
  RC_ASSERT(percentile(given, 0) == sorted.front());
  RC_ASSERT(percentile(given, 1) == sorted.back());
  const size_t middle = sorted.size() / 2;
  RC_ASSERT(median(given) == (sorted[middle] + sorted[(sorted.size() - 1) / 2]) / 2);
}

TEST(BenchReport, EveryGoalThatIsNotInformativeMustBeReached) {
  Report report;
  report.goals = {{.name = "value", .value = 0.6, .must = 0.5, .aim = 1},
                  {.name = "printed", .value = 0, .must = 9, .informative = true}};
  EXPECT_TRUE(report.reached());
  report.goals.push_back({.name = "8_clients", .value = 0.4, .must = 0.5, .aim = 1.5});
  EXPECT_FALSE(report.reached());
  report.goals = {
      {.name = "value", .value = 0.05, .must = 0.1, .aim = 0.01, .lower_is_better = true}};
  EXPECT_TRUE(report.reached());
  report.goals[0].value = 0.2;
  EXPECT_FALSE(report.reached());
}

TEST(BenchReport, IsOneObjectWithTheValueItsGoalsTheMachineAndDetails) {
  Report report;
  report.bench = "search";
  report.goals = {{.name = "value", .value = 0.75, .must = 0.5, .aim = 1},
                  {.name = "8_clients", .value = 1.25, .must = 0.5, .aim = 1.5},
                  {.name = "4_shards", .value = 0.25, .informative = true}};
  report.details.add("text", "a \"quoted\" word");
  const std::string json = report.to_json();
  EXPECT_THAT(json, StartsWith(R"({"bench": "search", "value": 0.75, "must": 0.5, "aim": 1, )"
                               R"("value_8_clients": 1.25, "must_8_clients": 0.5, )"
                               R"("aim_8_clients": 1.5, "value_4_shards": 0.25, )"
                               R"("must_4_shards": null, "aim_4_shards": null, )"));
  EXPECT_THAT(json, HasSubstr(R"("machine": {"processor": )"));
  EXPECT_THAT(json, HasSubstr(R"("details": {"text": "a \"quoted\" word"}})"));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
}

}  // namespace
}  // namespace vectron::bench
