#include "sim/oracle/search_check.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "schemas/storage_messages.h"
#include "sim/history/value.h"

namespace vectron::sim {
namespace {

constexpr uint32_t kDimension = 4;

stored::ShardOperation put(uint64_t id, ValueNumber value) {
  stored::ShardOperation operation;
  operation.id.number = id;
  operation.vectors = {{.name = "", .values = vector_of_value(value, kDimension)}};
  operation.payload = payload_of_value(value);
  return operation;
}

stored::ShardOperation erase(uint64_t id) {
  stored::ShardOperation operation;
  operation.kind = stored::OperationKind::remove;
  operation.id.number = id;
  return operation;
}

raft::Payload entry(std::vector<stored::ShardOperation> operations) {
  stored::ShardCommand command;
  command.operations = std::move(operations);
  return raft::make_payload(encode(command));
}

ShardModel model_of(std::vector<raft::Payload> entries) {
  auto model = ShardModel::build(entries, index::Metric::euclidean);
  EXPECT_TRUE(model.has_value()) << model.error().to_string();
  return *std::move(model);
}

TEST(ShardModel, KeepsEveryVersionOfAPoint) {
  const ShardModel model = model_of(
      {nullptr, entry({put(7, 1), put(8, 2)}), entry({erase(7)}), entry({put(7, 3), put(7, 4)})});
  EXPECT_EQ(model.last_index(), 4u);
  EXPECT_EQ(model.find(PointId(7), 1), nullptr);
  EXPECT_EQ(model.find(PointId(7), 2)->value, 1u);
  EXPECT_EQ(model.find(PointId(7), 3), nullptr);
  EXPECT_EQ(model.find(PointId(7), 4)->value, 4u);
  EXPECT_EQ(model.find(PointId(7), 99)->index, 4u);
  EXPECT_EQ(model.find(PointId(8), 99)->index, 2u);
  int live = 0;
  model.for_each(3,
                 [&](const PointId& id, const PointVersion&) { live += id == PointId(8) ? 1 : 9; });
  EXPECT_EQ(live, 1);
}

TEST(ShardModel, NamesTheEntryThatIsNoCommand) {
  const std::vector<raft::Payload> entries = {nullptr, raft::make_payload(Bytes(7, 1))};
  const auto model = ShardModel::build(entries, index::Metric::dot);
  ASSERT_FALSE(model.has_value());
  EXPECT_NE(model.error().message().find("entry 2"), std::string::npos);
}

/// A collection of one shard with id 1: points 1 to 20 written at index 1 to 20, 5 deleted at 21.
class SearchCheck : public ::testing::Test {
 protected:
  SearchCheck() {
    std::vector<raft::Payload> entries;
    for (uint64_t id = 1; id <= 20; ++id) entries.push_back(entry({put(id, id)}));
    entries.push_back(entry({erase(5)}));
    collections_.resize(1);
    collections_[0].metric = index::Metric::euclidean;
    collections_[0].shards.emplace(1, model_of(std::move(entries)));
  }

  SearchHit hit(uint64_t id, const std::vector<float>& query) const {
    const float distance =
        index::distance_between(index::Metric::euclidean, query, vector_of_value(id, kDimension));
    return {.id = PointId(id),
            .score = index::score_of(index::Metric::euclidean, distance),
            .version = id,
            .value = id};
  }

  /// The right answer at `applied_index`.
  Operation search(uint64_t applied_index, uint32_t k, bool exact) const {
    Operation operation;
    operation.kind = OperationKind::search;
    operation.search = std::make_shared<SearchRecord>();
    operation.search->k = k;
    operation.search->exact = exact;
    operation.search->query = vector_of_value(1'000, kDimension);
    operation.tokens = {{.shard_id = 1, .applied_index = applied_index}};
    for (uint64_t id = 1; id <= std::min<uint64_t>(applied_index, 20); ++id) {
      if (id == 5 && applied_index >= 21) continue;
      operation.search->hits.push_back(hit(id, operation.search->query));
    }
    auto& hits = operation.search->hits;
    std::ranges::sort(hits, [](const SearchHit& a, const SearchHit& b) {
      return a.score != b.score ? a.score < b.score : a.id < b.id;
    });
    if (hits.size() > k) hits.resize(k);
    return operation;
  }

  std::string verdict(Operation operation) {
    History history;
    const Outcome outcome = Outcome::ok;
    const size_t position = history.begin(std::move(operation), Instant());
    history.end(position, outcome, Instant());
    ViolationLog log;
    recall_ = check_answers(history, collections_, kCalmClient, &log).all();
    return log.empty() ? "" : log.kept()[0].text;
  }

  static constexpr uint32_t kCalmClient = 100;
  std::vector<CollectionModel> collections_;
  Recall recall_;
};

TEST_F(SearchCheck, AcceptsTheRightAnswerAtEachIndex) {
  for (const uint64_t index : {1, 5, 20, 21}) {
    EXPECT_EQ(verdict(search(index, 10, true)), "");
    EXPECT_EQ(verdict(search(index, 10, false)), "");
    EXPECT_EQ(recall_.found, recall_.expected);
  }
}

TEST_F(SearchCheck, RefusesADeletedPoint) {
  Operation stale = search(20, 20, true);
  stale.tokens[0].applied_index = 21;
  EXPECT_NE(verdict(stale), "");
  stale.search->exact = false;
  EXPECT_NE(verdict(stale).find("deleted or foreign"), std::string::npos);
}

TEST_F(SearchCheck, RefusesAMissingPointOnlyInAnExactSearch) {
  Operation leaky = search(20, 11, true);
  leaky.search->k = 10;
  leaky.search->hits.erase(leaky.search->hits.begin() + 3);
  EXPECT_NE(verdict(leaky), "");
  leaky.search->exact = false;
  EXPECT_EQ(verdict(leaky), "");
  EXPECT_EQ(recall_.found, 9u);
  EXPECT_EQ(recall_.expected, 10u);
}

TEST_F(SearchCheck, RefusesAMissingPointThatWasNotLinkedYet) {
  Operation leaky = search(20, 11, false);
  leaky.search->k = 10;
  const uint64_t missing = leaky.search->hits[3].version;
  leaky.search->hits.erase(leaky.search->hits.begin() + 3);
  leaky.tokens[0].linked_index = missing;
  EXPECT_EQ(verdict(leaky), "");
  leaky.tokens[0].linked_index = missing - 1;
  EXPECT_NE(verdict(leaky).find("was not linked"), std::string::npos);
  // One that ten others beat need not be there.
  Operation whole = search(20, 10, false);
  whole.tokens[0].linked_index = 0;
  EXPECT_EQ(verdict(whole), "");
}

TEST_F(SearchCheck, RefusesFewerHitsThanThereArePoints) {
  Operation short_answer = search(20, 20, false);
  short_answer.search->hits.pop_back();
  EXPECT_NE(verdict(short_answer).find("19 hits of 20"), std::string::npos);
}

TEST_F(SearchCheck, RefusesDuplicatesWrongScoresVersionsAndOrders) {
  Operation twice = search(20, 20, false);
  twice.search->hits[1] = twice.search->hits[0];
  EXPECT_NE(verdict(twice).find("twice"), std::string::npos);
  Operation score = search(20, 20, false);
  score.search->hits[3].score = std::nextafter(score.search->hits[3].score, 9.0F);
  EXPECT_NE(verdict(score), "");
  Operation version = search(20, 20, false);
  version.search->hits[3].version += 1;
  EXPECT_NE(verdict(version), "");
  Operation order = search(20, 20, false);
  std::swap(order.search->hits[0], order.search->hits[19]);
  EXPECT_NE(verdict(order).find("after a worse one"), std::string::npos);
  Operation foreign = search(20, 20, false);
  foreign.search->hits[2].id = PointId(99);
  EXPECT_NE(verdict(foreign).find("deleted or foreign"), std::string::npos);
}

TEST_F(SearchCheck, RefusesAnAnswerThatLeavesAShardOut) {
  Operation nothing = search(20, 5, true);
  nothing.tokens.clear();
  EXPECT_NE(verdict(nothing), "");
  Operation missing = search(0, 5, true);
  missing.tokens.clear();
  missing.search->missing_shards = {1};
  EXPECT_NE(verdict(missing).find("not allowed"), std::string::npos);
  missing.search->allow_partial = true;
  EXPECT_EQ(verdict(missing), "");
}

TEST_F(SearchCheck, ComparesGetsWithTheModelToo) {
  Operation get;
  get.kind = OperationKind::get;
  get.point = PointId(5);
  get.value = 5;
  get.version = 5;
  get.tokens = {{.shard_id = 1, .applied_index = 20}};
  EXPECT_EQ(verdict(get), "");
  get.tokens[0].applied_index = 21;
  EXPECT_NE(verdict(get), "");
}

TEST_F(SearchCheck, ObjectsToALowRecallOnceThereIsEnoughToJudgeBy) {
  ViolationLog log;
  check_recall({.searches = 10, .found = 10, .expected = 100}, {}, &log);
  EXPECT_TRUE(log.empty());
  check_recall({.searches = 100, .found = 900, .expected = 1'000}, {}, &log);
  EXPECT_TRUE(log.empty());
  check_recall({.searches = 100, .found = 700, .expected = 1'000}, {}, &log);
  EXPECT_EQ(log.count(), 1u);
}

TEST_F(SearchCheck, JudgesByWhatWasAskedBesideFaultsWhereThatIsEnough) {
  RunRecall recall;
  recall.beside_faults = {.searches = 60, .found = 300, .expected = 500};
  recall.calm = {.searches = 100, .found = 1'000, .expected = 1'000};
  EXPECT_EQ(recall.all().found_ppm(), 866'666u);
  EXPECT_EQ(recall.judged().found_ppm(), 600'000u);
  recall.beside_faults.expected = 499;
  EXPECT_EQ(recall.judged().expected, 1'499u) << "too few to tell";
}

TEST_F(SearchCheck, TellsSearchesAfterTheFaultsFromThoseBesideThem) {
  History history;
  for (const uint32_t client : {kCalmClient - 1, kCalmClient, kCalmClient + 1}) {
    Operation operation = search(20, 10, false);
    operation.client = client;
    history.end(history.begin(std::move(operation), Instant()), Outcome::ok, Instant());
  }
  ViolationLog log;
  const RunRecall recall = check_answers(history, collections_, kCalmClient, &log);
  EXPECT_EQ(recall.beside_faults.searches, 1u);
  EXPECT_EQ(recall.calm.searches, 2u);
}

TEST_F(SearchCheck, SaysWhetherNewGraphsWouldReachTheFloor) {
  const Recall low{.searches = 100, .found = 300, .expected = 1'000};
  ViolationLog harmed;
  check_recall(low, {.searches = 100, .found = 990, .expected = 1'000}, &harmed);
  ASSERT_EQ(harmed.count(), 1u);
  EXPECT_EQ(harmed.kept()[0].kind, "");
  ViolationLog poor;
  check_recall(low, {.searches = 100, .found = 350, .expected = 1'000}, &poor);
  ASSERT_EQ(poor.count(), 1u) << "it shows nothing, so it does not pass";
  EXPECT_EQ(poor.kept()[0].kind, kOutOfReach);
  EXPECT_NE(poor.kept()[0].text.find("350000 ppm"), std::string::npos);
}

// 500 points of 32 components, asked for by 20 searches: good options find nearly all, poor ones do
// not, whatever the answers in the history were.
TEST_F(SearchCheck, NewGraphsShowWhatTheOptionsAllow) {
  constexpr uint32_t kWide = 32;
  std::vector<raft::Payload> entries;
  for (ValueNumber value = 1; value <= 500; ++value) {
    stored::ShardCommand command;
    stored::ShardOperation operation;
    operation.id.number = value;
    operation.vectors.push_back({"", vector_of_value(value, kWide)});
    operation.payload = payload_of_value(value);
    command.operations.push_back(std::move(operation));
    entries.push_back(raft::make_payload(encode(command)));
  }
  History history;
  for (ValueNumber value = 1'001; value <= 1'020; ++value) {
    Operation search;
    search.kind = OperationKind::search;
    search.search = std::make_shared<SearchRecord>();
    search.search->query = vector_of_value(value, kWide);
    search.search->k = 10;
    const size_t position = history.begin(std::move(search), Instant());
    history.end(position, Outcome::ok, Instant());
  }
  CollectionModel collection{.metric = index::Metric::cosine, .m = 16, .ef_construction = 100};
  collection.shards.emplace(1, *ShardModel::build(entries, collection.metric));
  const Recall good = recall_of_new_graphs(history, {collection});
  EXPECT_EQ(good.searches, 20u);
  EXPECT_EQ(good.expected, 200u);
  EXPECT_GE(good.found, 190u);
  collection.m = 2;
  collection.ef_construction = 4;
  collection.ef_search = 10;
  EXPECT_LE(recall_of_new_graphs(history, {collection}).found, 100u);
}

TEST_F(SearchCheck, CountsEveryOneOfEqualNeighboursAsFound) {
  // Points 40 and 41 lie at the same place; an approximate search may return either.
  std::vector<raft::Payload> entries = {entry({put(40, 7)}), entry({put(41, 7)}),
                                        entry({put(42, 9)})};
  collections_[0].shards.clear();
  collections_[0].shards.emplace(1, model_of(std::move(entries)));
  for (const auto& [id, found] : std::map<uint64_t, uint64_t>{{40, 1}, {41, 1}, {42, 0}}) {
    Operation operation = search(0, 1, false);
    operation.search->query = vector_of_value(7, kDimension);
    operation.tokens = {{.shard_id = 1, .applied_index = 3}};
    SearchHit only = hit(id == 42 ? 9 : 7, operation.search->query);
    only.id = PointId(id);
    only.version = id - 39;
    operation.search->hits = {only};
    EXPECT_EQ(verdict(operation), "");
    EXPECT_EQ(recall_.expected, 1u);
    EXPECT_EQ(recall_.found, found) << id;
  }
}

}  // namespace
}  // namespace vectron::sim
