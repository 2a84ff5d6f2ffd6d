#include "sim/history/history.h"

#include <gtest/gtest.h>

#include "sim/plan/json.h"

namespace vectron::sim {
namespace {

Operation upsert(uint64_t id, ValueNumber value) {
  Operation operation;
  operation.kind = OperationKind::upsert;
  operation.point = PointId(id);
  operation.value = value;
  return operation;
}

TEST(History, OrdersBeginningsAndEndsByOneCounter) {
  History history;
  const size_t first = history.begin(upsert(1, 10), Instant(5us));
  const size_t second = history.begin(upsert(2, 11), Instant(5us));
  history.end(second, Outcome::ok, Instant(5us));
  history.end(first, Outcome::unknown, Instant(9us));
  EXPECT_LT(history.at(first).invoke_order, history.at(second).invoke_order);
  EXPECT_LT(history.at(second).return_order, history.at(first).return_order);
  EXPECT_EQ(history.count(Outcome::ok), 1u);
  EXPECT_EQ(history.count(OperationKind::upsert, Outcome::unknown), 1u);
}

TEST(History, ExportsALineOfJsonForEachOperation) {
  History history;
  const size_t write = history.begin(upsert(1, 10), Instant(5us));
  history.at(write).tokens = {{.shard_id = 3, .applied_index = 17}};
  history.end(write, Outcome::ok, Instant(7us));
  Operation search;
  search.kind = OperationKind::search;
  search.search = std::make_shared<SearchRecord>();
  search.search->k = 2;
  search.search->hits = {
      {.id = *PointId::from_text("a\"b"), .score = 0.5F, .version = 4, .value = 10}};
  history.begin(std::move(search), Instant(8us));

  const std::string text = history.to_json_lines();
  const size_t end = text.find('\n');
  const auto first = parse_json(text.substr(0, end));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(*first->find("outcome")->as<std::string>(), "ok");
  EXPECT_EQ(*first->find("returned_us")->as<uint64_t>(), 7u);
  EXPECT_EQ(*first->find("value")->as<uint64_t>(), 10u);
  const auto second = parse_json(text.substr(end + 1));
  ASSERT_TRUE(second.has_value()) << second.error().to_string();
  EXPECT_EQ(*second->find("outcome")->as<std::string>(), "pending");
  EXPECT_EQ(second->find("hits")->as<JsonArray>()->size(), 1u);
}

}  // namespace
}  // namespace vectron::sim
