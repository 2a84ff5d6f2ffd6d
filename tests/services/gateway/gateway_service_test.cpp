#include "services/gateway/gateway_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/model/score.h"
#include "services/gateway/route.h"
#include "tests/services/gateway/fake_cluster.h"

namespace vectron::gateway {
namespace {

using testing::HasSubstr;

api::Point point(uint64_t id, std::vector<float> vector) {
  api::Point out;
  out.id.number = id;
  out.vector = std::move(vector);
  return out;
}

api::UpsertRequest upsert(std::vector<api::Point> points) {
  api::UpsertRequest request;
  request.collection = "c";
  request.points = std::move(points);
  return request;
}

api::GetRequest get(uint64_t id, api::ReadLevel level = api::ReadLevel::collection_default) {
  api::GetRequest request;
  request.collection = "c";
  request.id.number = id;
  request.read_level = level;
  return request;
}

api::DeleteRequest remove(uint64_t id) {
  api::DeleteRequest request;
  request.collection = "c";
  request.id.number = id;
  return request;
}

api::SearchRequest search(std::vector<float> vector, uint32_t k = 3) {
  api::SearchRequest request;
  request.collection = "c";
  request.vector = std::move(vector);
  request.top_k = k;
  return request;
}

TEST(Gateway, StoresReturnsFindsAndRemovesPointsOfManyShards) {
  FakeCluster cluster(1, 3);
  cluster.add_collection(FakeCluster::route("c", 8, {{0}, {1}, {2}}));
  auto client = cluster.client();
  std::vector<api::Point> points;
  for (uint64_t id = 0; id < 40; ++id) points.push_back(point(id, {float(id), 0}));
  const auto written = cluster.run(client.upsert({}, upsert(points)));
  ASSERT_TRUE(written.has_value()) << written.error().to_string();
  EXPECT_EQ(written->results.size(), 40U);
  EXPECT_EQ(written->tokens.size(), 8U);

  const auto read = cluster.run(client.get({}, get(7)));
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  EXPECT_EQ(read->point, points[7]);
  EXPECT_GT(read->token.shard_id, 0U);

  const auto found = cluster.run(client.search({}, search({20.2F, 0})));
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  ASSERT_EQ(found->hits.size(), 3U);
  EXPECT_EQ(found->hits[0].id.number, 20U);
  EXPECT_EQ(found->hits[1].id.number, 21U);
  EXPECT_EQ(found->hits[2].id.number, 19U);
  const float difference = 20.2F - 20;
  EXPECT_EQ(found->hits[0].score, std::sqrt(difference * difference));
  EXPECT_EQ(found->shards.size(), 8U);
  EXPECT_TRUE(found->missing_shards.empty());

  const auto removed = cluster.run(client.delete_({}, remove(7)));
  ASSERT_TRUE(removed.has_value());
  EXPECT_TRUE(removed->existed);
  EXPECT_FALSE(cluster.run(client.delete_({}, remove(7)))->existed);
  EXPECT_EQ(cluster.run(client.get({}, get(7))).error().code(), Code::not_found);
}

TEST(Gateway, LetsTheLaterOfTwoPointsWithOneIdWin) {
  FakeCluster cluster(1, 1);
  cluster.config.write_bytes_max = 100;  // Even when they lie in two log entries.
  cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
  auto client = cluster.client();
  auto first = upsert({point(1, {1, 1}), point(2, {2, 2}), point(1, {3, 3})});
  ASSERT_TRUE(cluster.run(client.upsert({}, std::move(first))).has_value());
  EXPECT_GT(cluster.workers[0]->writes.size(), 1U);
  EXPECT_EQ(cluster.run(client.get({}, get(1)))->point.vector, (std::vector<float>{3, 3}));
}

TEST(Gateway, FollowsTheHintToTheLeaderAndRemembersIt) {
  FakeCluster cluster(1, 3);
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1, 2}}));
  cluster.workers[0]->script.refusals = {not_leader(FakeCluster::worker_node(2))};
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(2, {1, 1})}))).has_value());
  EXPECT_EQ(cluster.workers[0]->script.calls, 1U);
  EXPECT_EQ(cluster.workers[1]->script.calls, 0U);
  EXPECT_EQ(cluster.workers[2]->writes.size(), 2U);
}

TEST(Gateway, TriesTheOtherReplicasWhenNobodyNamesTheLeader) {
  FakeCluster cluster(1, 3);
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1, 2}}));
  for (const size_t worker : {0, 1, 2}) {
    cluster.workers[worker]->script.refusals = {not_leader(0)};
  }
  auto client = cluster.client();
  EXPECT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
}

TEST(Gateway, RefreshesAStaleRouteAndRetries) {
  FakeCluster cluster(1, 2);
  cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  // The shard moves to worker 1 in a new epoch; worker 0 knows.
  wire::CollectionRoute moved = FakeCluster::route("c", 1, {{1}});
  moved.epoch = 2;
  cluster.add_collection(moved);
  cluster.workers[0]->epoch = 2;
  cluster.workers[1]->epoch = 2;
  const auto again = cluster.run(client.upsert({}, upsert({point(2, {1, 1})})));
  EXPECT_TRUE(again.has_value()) << again.error().to_string();
  EXPECT_EQ(cluster.workers[1]->writes.size(), 1U);
  EXPECT_EQ(cluster.workers[1]->writes[0].epoch, 2U);
}

TEST(Gateway, FetchesTheRouteAgainWhenNobodyAnswersWhereItSays) {
  FakeCluster cluster(1, 2);
  wire::CollectionRoute route = FakeCluster::route("c", 1, {{0}});
  cluster.add_collection(route);
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  // The worker comes back elsewhere; what is at its old address now knows nothing of the shard.
  for (int i = 0; i < 1'000; ++i) {
    cluster.workers[0]->script.refusals.emplace_back(Code::unavailable, "no such shard");
  }
  route.shards[0].members[0].address = cluster.come_back(0, cluster.workers[1].get()).text;
  cluster.add_collection(route);
  const auto stored = cluster.run(client.upsert({}, upsert({point(2, {1, 1})})));
  ASSERT_TRUE(stored.has_value()) << stored.error().to_string();
  EXPECT_EQ(cluster.workers[1]->writes.size(), 1U);
}

TEST(Gateway, RefreshesOnEvidenceAfterAGuessThatWasTooEarly) {
  FakeCluster cluster(1, 3);
  wire::CollectionRoute route = FakeCluster::route("c", 1, {{0, 1}});
  cluster.add_collection(route);
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  // The leader is gone, and for a while nobody knows where it will come back.
  cluster.workers[0]->script.refusals = std::deque<Status>(1'000, not_leader(0));
  cluster.workers[1]->script.refusals = std::deque<Status>(1'000, not_leader(0));
  TaskGroup group(cluster.env().scheduler());
  std::optional<Status> written;
  const auto keep = [](std::optional<Status>* out,
                       Task<Result<api::UpsertReply>> task) -> Task<void> {
    Result<api::UpsertReply> reply = co_await task;
    out->emplace(status_of(reply));
  };
  const uint64_t fetched_before = cluster.placement[0]->script.calls;
  group.spawn(keep(&written, client.upsert({}, upsert({point(2, {1, 1})}))));
  cluster.env().run_for(300ms);
  ASSERT_GT(cluster.placement[0]->script.calls, fetched_before) << "no guess";
  // Now its successors know it at another address.
  const Address elsewhere = cluster.come_back(0, cluster.workers[2].get());
  route.shards[0].members[0].address = elsewhere.text;
  cluster.add_collection(route);
  const Status moved = not_leader(FakeCluster::worker_node(0), elsewhere.text);
  cluster.workers[1]->script.refusals = std::deque<Status>(1'000, moved);
  cluster.env().run_for(3s);
  ASSERT_TRUE(written.has_value());
  EXPECT_TRUE(written->ok()) << written->to_string();
  EXPECT_EQ(cluster.workers[2]->writes.size(), 1U);
}

TEST(Gateway, FollowsTheRouteThatItHasWhenThePlacementDriverIsSilent) {
  FakeCluster cluster(1, 2);
  cluster.config.read_attempt_timeout = 50ms;
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1}}));
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  cluster.placement[0]->script.silent = true;
  // A follower that is behind names the leader's old address; a copy that is lost knows no shard.
  const std::vector<Status> refusals = {not_leader(FakeCluster::worker_node(1), "@old:1"),
                                        Status(Code::not_found, "no such shard here")};
  for (const Status& refusal : refusals) {
    cluster.workers[0]->script.refusals = std::deque<Status>(2, refusal);
    const auto written = cluster.run(client.upsert({}, upsert({point(2, {1, 1})})));
    EXPECT_TRUE(written.has_value()) << written.error().to_string();
  }
}

TEST(Gateway, NeverSendsAWriteAgainWhoseOutcomeIsUnknown) {
  for (const Code code : {Code::unknown_outcome, Code::internal, Code::data_loss}) {
    FakeCluster cluster(1, 2);
    cluster.add_collection(FakeCluster::route("c", 1, {{0, 1}}));
    cluster.workers[0]->script.refusals = {Status(code, "who knows")};
    auto client = cluster.client();
    const auto written = cluster.run(client.upsert({}, upsert({point(1, {1, 1})})));
    ASSERT_FALSE(written.has_value());
    EXPECT_FALSE(certainly_not_done(written.error().code())) << code_name(code);
    EXPECT_EQ(cluster.workers[0]->script.calls + cluster.workers[1]->script.calls, 1U);
  }
}

TEST(Gateway, AnswersUnknownOutcomeInTimeWhenTheLeaderIsSilent) {
  FakeCluster cluster(1, 2);
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1}}));
  cluster.workers[0]->script.silent = true;
  auto client = cluster.client();
  RequestContext context;
  context.deadline = cluster.env().clock().monotonic() + 1s;
  const auto removed = cluster.run(client.delete_(context, remove(1)));
  EXPECT_EQ(status_of(removed).code(), Code::unknown_outcome);
  EXPECT_LT(cluster.env().clock().monotonic(), context.deadline);
  EXPECT_EQ(cluster.workers[1]->script.calls, 0U);
  EXPECT_EQ(cluster.env().metrics().value(Metric::gateway_unknown_outcomes), 1U);
}

TEST(Gateway, SaysWhenThereWasNoSuchPoint) {
  FakeCluster cluster(1, 1);
  cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.delete_({}, remove(9))).has_value());
  const auto read = cluster.run(client.get({}, get(1)));
  ASSERT_EQ(status_of(read).code(), Code::not_found);
  const auto token = decode<api::ShardToken>(read.error().detail());
  ASSERT_TRUE(token.has_value()) << token.error().to_string();
  EXPECT_EQ(*token, (api::ShardToken{1, 1}));
}

TEST(Gateway, AsksAnotherMemberFirstAfterTheLeaderWasSilent) {
  FakeCluster cluster(1, 2);
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1}}));
  cluster.workers[0]->script.silent = true;
  auto client = cluster.client();
  for (uint64_t id = 1; id <= 2; ++id) {
    RequestContext context;
    context.deadline = cluster.env().clock().monotonic() + 400ms;
    const auto removed = cluster.run(client.delete_(context, remove(id)));
    EXPECT_EQ(status_of(removed).code(), id == 1 ? Code::unknown_outcome : Code::ok);
  }
}

TEST(Gateway, AsksAnotherReplicaWhenAReadTakesTooLong) {
  FakeCluster cluster(1, 2);
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1}}));
  cluster.workers[0]->script.silent = true;
  auto client = cluster.client();
  const auto read = cluster.run(client.get({}, get(1)));
  EXPECT_EQ(status_of(read).code(), Code::not_found);
  EXPECT_EQ(cluster.workers[1]->script.calls, 1U);
}

TEST(Gateway, SpreadsEventualReadsOverAllReplicasAndPassesByThoseThatCannot) {
  FakeCluster cluster(1, 3);
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1, 2}}));
  auto client = cluster.client();
  cluster.workers[1]->script.refusals = std::deque<Status>(100, Status(Code::data_loss, "rotten"));
  for (int i = 0; i < 60; ++i) {
    const auto read = cluster.run(client.get({}, get(1, api::ReadLevel::eventual)));
    ASSERT_EQ(status_of(read).code(), Code::not_found);
  }
  for (const auto& worker : cluster.workers) EXPECT_GT(worker->script.calls, 10U);
}

TEST(Gateway, FailsASearchThatMissesAShardAndNamesIt) {
  FakeCluster cluster(1, 2);
  cluster.add_collection(FakeCluster::route("c", 4, {{0}, {1}}));
  cluster.workers[1]->script.silent = true;
  auto client = cluster.client();
  const auto found = cluster.run(client.search({}, search({1, 1})));
  ASSERT_EQ(status_of(found).code(), Code::unavailable);
  EXPECT_THAT(found.error().message(), HasSubstr("shard 2"));
  EXPECT_THAT(found.error().message(), HasSubstr("shard 4"));
  EXPECT_THAT(found.error().message(), testing::Not(HasSubstr("shard 1")));
}

// A client that is told "unavailable" asks again, for ever: so what a shard says arrives as it is.
TEST(Gateway, TellsOfASearchWhatTheShardsSaid) {
  FakeCluster cluster(1, 2);
  cluster.add_collection(FakeCluster::route("c", 4, {{0}, {1}}));
  auto client = cluster.client();
  for (const Code code : {Code::out_of_range, Code::internal, Code::unimplemented,
                          Code::resource_exhausted, Code::invalid_argument}) {
    // More often than it is asked again where it has no room at the moment.
    const Status refusal(code, "ask for fewer points");
    cluster.workers[0]->script.refusals = std::deque<Status>(20, refusal);
    const auto found = cluster.run(client.search({}, search({1, 1})));
    EXPECT_EQ(status_of(found).code(), code);
    EXPECT_THAT(found.error().message(), HasSubstr("ask for fewer points"));
    cluster.workers[0]->script.refusals.clear();
  }
  // Beside a shard that only time can mend.
  cluster.workers[1]->script.silent = true;
  cluster.workers[0]->script.refusals = {Status(Code::out_of_range, "ask for fewer points")};
  const auto found = cluster.run(client.search({}, search({1, 1})));
  EXPECT_EQ(status_of(found).code(), Code::out_of_range);
}

// Answers to others took all of a worker's room for a moment.
TEST(Gateway, AsksAWorkerForAReadAgainThatHadNoRoomForIt) {
  FakeCluster cluster(1, 1);
  cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
  auto client = cluster.client();
  const Status no_room(Code::resource_exhausted, "retry later");
  cluster.workers[0]->script.refusals = {no_room, no_room};
  EXPECT_TRUE(cluster.run(client.search({}, search({1, 1}))).has_value());
  cluster.workers[0]->script.refusals = {no_room};
  const auto written = cluster.run(client.upsert({}, upsert({point(1, {1, 1})})));
  EXPECT_EQ(status_of(written).code(), Code::resource_exhausted);
}

Status damaged_copy() {
  return Status(Code::data_loss, "the copy of shard 1 on this worker is damaged", "shard_id");
}

TEST(Gateway, SaysDataLossWhenTooManyCopiesAreDamagedAndDoesNotAskForEver) {
  FakeCluster cluster(1, 3);
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1, 2}}));
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  cluster.workers[0]->script.refusals = std::deque<Status>(1'000, damaged_copy());
  EXPECT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  EXPECT_TRUE(cluster.run(client.search({}, search({1, 1}))).has_value());

  cluster.workers[1]->script.refusals = std::deque<Status>(1'000, damaged_copy());
  cluster.workers[2]->script.refusals = std::deque<Status>(1'000, not_leader(0));
  const Instant begin = cluster.env().clock().monotonic();
  const auto found = cluster.run(client.search({}, search({1, 1})));
  EXPECT_EQ(status_of(found).code(), Code::data_loss);
  EXPECT_THAT(found.error().message(), HasSubstr("2 of its 3 copies"));
  EXPECT_EQ(status_of(cluster.run(client.upsert({}, upsert({point(1, {1, 1})})))).code(),
            Code::data_loss);
  EXPECT_EQ(status_of(cluster.run(client.get({}, get(1)))).code(), Code::data_loss);
  EXPECT_LT(cluster.env().clock().monotonic() - begin, 300ms);
  // One whole copy is enough for whoever takes an old answer.
  cluster.workers[2]->script.refusals.clear();
  EXPECT_EQ(status_of(cluster.run(client.get({}, get(1, api::ReadLevel::eventual)))).code(),
            Code::not_found);
}

TEST(Gateway, AsksTheOtherCopiesOfADamagedOneBeforeThePlacementDriver) {
  FakeCluster cluster(1, 3);
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1, 2}}));
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  cluster.workers[0]->script.refusals = std::deque<Status>(1'000, damaged_copy());
  cluster.placement[0]->script.silent = true;
  const size_t routed = cluster.placement[0]->routed.size();
  const uint64_t asked = cluster.workers[0]->script.calls;
  const Instant begin = cluster.env().clock().monotonic();
  for (int i = 0; i < 30; ++i) {
    (void)cluster.run(client.get({}, get(1, api::ReadLevel::eventual)));
  }
  EXPECT_GT(cluster.workers[0]->script.calls, asked) << "some begin at the damaged copy";
  EXPECT_EQ(cluster.placement[0]->routed.size(), routed);
  EXPECT_LT(cluster.env().clock().monotonic() - begin, 100ms);
}

TEST(Gateway, SaysDataLossWhenEveryPlacementNodeDoes) {
  FakeCluster cluster(2, 1);
  for (auto& node : cluster.placement) {
    node->script.refusals = std::deque<Status>(1'000, Status(Code::data_loss, "rotten"));
  }
  auto client = cluster.client();
  EXPECT_EQ(status_of(cluster.run(client.list_collections({}, {}))).code(), Code::data_loss);
}

// Each message is small enough for the loop; what they say together is not.
TEST(Gateway, LeavesTheMergingOfManyHitsToThePool) {
  FakeCluster cluster(1, 1);
  cluster.add_collection(FakeCluster::route("c", 8, {{0}}));
  auto client = cluster.client();
  std::vector<api::Point> points;
  for (uint64_t id = 0; id < 4'000; ++id) points.push_back(point(id, {float(id), 1}));
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert(points))).has_value());
  const size_t jobs = cluster.env().cpu().jobs();
  ASSERT_TRUE(cluster.run(client.search({}, search({0, 1}, 50))).has_value());
  EXPECT_EQ(cluster.env().cpu().jobs() - jobs, 0U);
  const auto found = cluster.run(client.search({}, search({0, 1}, 450)));
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  ASSERT_EQ(found->hits.size(), 450U);
  for (uint64_t id = 0; id < 450; ++id) ASSERT_EQ(found->hits[id].id.number, id);
  EXPECT_EQ(cluster.env().cpu().jobs() - jobs, 1U);
}

TEST(Gateway, AnswersWithoutTheShardsThatDidNotWhereThatIsAllowed) {
  FakeCluster cluster(1, 2);
  cluster.add_collection(FakeCluster::route("c", 4, {{0}, {1}}));
  auto client = cluster.client();
  std::vector<api::Point> points;
  for (uint64_t id = 1; id < 40; ++id) points.push_back(point(id, {1, 1}));
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert(points))).has_value());
  cluster.workers[1]->script.silent = true;
  api::SearchRequest request = search({1, 1}, 100);
  request.timeout_ms = 150;
  const Instant begin = cluster.env().clock().monotonic();
  EXPECT_EQ(status_of(cluster.run(client.search({}, request))).code(), Code::unavailable);
  request.allow_partial = true;
  const auto found = cluster.run(client.search({}, request));
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_LT(cluster.env().clock().monotonic() - begin, 400ms);
  ASSERT_EQ(found->missing_shards.size(), 2U);
  EXPECT_EQ(found->missing_shards[0].shard_id, 2U);
  EXPECT_EQ(found->missing_shards[1].shard_id, 4U);
  EXPECT_NE(found->missing_shards[0].code, 0U);
  EXPECT_THAT(found->missing_shards[0].message, HasSubstr("shard 2"));
  EXPECT_EQ(found->shards.size(), 2U);
  const auto& worker = *cluster.workers[0];
  EXPECT_EQ(found->hits.size(), worker.shards.at(1).size() + worker.shards.at(3).size());
  // Nothing at all is no part.
  cluster.workers[0]->script.silent = true;
  EXPECT_EQ(status_of(cluster.run(client.search({}, request))).code(), Code::unavailable);
}

TEST(Gateway, SendsAWriteWithARequestIdAgainWhateverBecameOfIt) {
  FakeCluster cluster(1, 2);
  cluster.config.write_bytes_max = 100;
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1}}));
  cluster.workers[0]->script.refusals = {Status(Code::unknown_outcome, "who knows")};
  auto client = cluster.client();
  api::UpsertRequest request = upsert({point(1, {1, 1}), point(2, {2, 2})});
  request.request_id = 77;
  const auto written = cluster.run(client.upsert({}, request));
  ASSERT_TRUE(written.has_value()) << written.error().to_string();
  EXPECT_EQ(written->failed, 0U);
  const auto& writes = cluster.workers[1]->writes;
  ASSERT_EQ(writes.size(), 2U);
  EXPECT_EQ(writes[0].request_id, 77U);
  EXPECT_EQ(writes[0].piece, 0U);
  EXPECT_EQ(writes[1].piece, 1U);
}

TEST(Gateway, LeavesAWriteWithARequestIdInDoubtWhenNoRepetitionWentThrough) {
  FakeCluster cluster(1, 2);
  cluster.add_collection(FakeCluster::route("c", 1, {{0, 1}}));
  cluster.workers[0]->script.silent = true;
  cluster.workers[1]->script.refusals = std::deque<Status>(1'000, not_leader(0));
  auto client = cluster.client();
  api::DeleteRequest request = remove(1);
  request.request_id = 78;
  EXPECT_EQ(status_of(cluster.run(client.delete_({}, request))).code(), Code::unknown_outcome);
  EXPECT_GT(cluster.workers[1]->script.calls, 0U);
}

TEST(Gateway, RemovesTheCollectionThatHasTheNameAndWaitsUntilThatIsComplete) {
  FakeCluster cluster(1, 1);
  cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
  cluster.placement[0]->incomplete_deletes = 2;
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  api::DeleteCollectionRequest request;
  request.name = "c";
  const auto removed = cluster.run(client.delete_collection({}, request));
  ASSERT_TRUE(removed.has_value()) << removed.error().to_string();
  EXPECT_EQ(removed->collection_id, 5U);
  EXPECT_TRUE(removed->complete);
  EXPECT_EQ(cluster.placement[0]->deleted, (std::vector<uint64_t>{5, 5, 5}));
  EXPECT_EQ(status_of(cluster.run(client.get({}, get(1)))).field(), "collection");
  EXPECT_EQ(status_of(cluster.run(client.delete_collection({}, request))).code(), Code::not_found);
}

// Nothing comes of waiting for workers that are down: the rest is done when they are back.
TEST(Gateway, ARemovalDoesNotWaitForWorkersThatAreDown) {
  FakeCluster cluster(1, 1);
  cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
  cluster.placement[0]->incomplete_deletes = INT_MAX;
  cluster.placement[0]->workers_are_down = true;
  auto client = cluster.client();
  api::DeleteCollectionRequest request;
  request.name = "c";
  const auto removed = cluster.run(client.delete_collection({}, request));
  ASSERT_TRUE(removed.has_value()) << removed.error().to_string();
  EXPECT_FALSE(removed->complete);
  EXPECT_EQ(cluster.placement[0]->deleted, (std::vector<uint64_t>{5}));
}

// It is gone for everybody, and only its data is left on some worker. That nobody can be asked any
// more does not bring it back.
TEST(Gateway, ARemovalThatBeganIsNotTakenBackByWhatFailsLater) {
  FakeCluster cluster(1, 1);
  cluster.placement[0]->incomplete_deletes = INT_MAX;
  cluster.placement[0]->script.refusals = {Status()};
  for (int i = 0; i < 1'000; ++i) {
    cluster.placement[0]->script.refusals.emplace_back(Code::unavailable, "no leader");
  }
  auto client = cluster.client();
  api::DeleteCollectionRequest request;
  request.name = "c";
  request.collection_id = 9;
  const auto removed = cluster.run(client.delete_collection({}, request));
  ASSERT_TRUE(removed.has_value()) << removed.error().to_string();
  EXPECT_FALSE(removed->complete);
}

TEST(Gateway, SaysSoonThatNobodyListensAtAnyPlacementNode) {
  FakeCluster cluster(0, 1);
  cluster.config.placement = {{NodeId(1), Address{"@nobody-1:1"}},
                              {NodeId(3), Address{"@nobody-2:1"}}};
  cluster.config.request_timeout = 30s;
  bool ready = false;
  cluster.config.on_ready = [&ready] { ready = true; };
  auto client = cluster.client();
  const Instant asked = cluster.env().clock().monotonic();
  const Status refused = status_of(cluster.run(client.list_collections({}, {})));
  EXPECT_EQ(refused.code(), Code::unavailable);
  EXPECT_NE(refused.message().find("nobody listens there"), std::string::npos)
      << refused.to_string();
  EXPECT_LT(cluster.env().clock().monotonic() - asked, 3s);
  EXPECT_FALSE(ready);
  cluster.stop();
  cluster.env().run_for(1s);
  ASSERT_TRUE(cluster.outcome().has_value());
  EXPECT_TRUE(cluster.outcome()->has_value());
}

TEST(Gateway, SaysSoonThatNobodyListensWhereTheCopiesOfAShardAre) {
  FakeCluster cluster(1, 2);
  wire::CollectionRoute route = FakeCluster::route("c", 1, {{0, 1}});
  route.shards[0].members[0].address = "@nobody-1:1";
  route.shards[0].members[1].address = "@nobody-2:1";
  cluster.add_collection(route);
  cluster.config.request_timeout = 30s;
  auto client = cluster.client();
  const Instant asked = cluster.env().clock().monotonic();
  const Status refused = status_of(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))));
  EXPECT_EQ(refused.code(), Code::unavailable);
  EXPECT_NE(refused.message().find("nobody listens there"), std::string::npos)
      << refused.to_string();
  EXPECT_LT(cluster.env().clock().monotonic() - asked, 3s);
  // One that is there and does not lead yet is waited for.
  route.shards[0].members[1].address = FakeCluster::worker_address(1).text;
  cluster.add_collection(route);
  cluster.workers[1]->script.refusals = std::deque<Status>(12, not_leader(0));
  const auto stored = cluster.run(client.upsert({}, upsert({point(1, {1, 1})})));
  EXPECT_TRUE(stored.has_value()) << stored.error().to_string();
  EXPECT_GT(cluster.env().clock().monotonic() - asked, 3s);
}

// Addresses that were given to other nodes: whoever answers there has none of the shard.
TEST(Gateway, AsksNothingOfAWorkerThatAnswersInThePlaceOfAnother) {
  FakeCluster cluster(1, 2);
  wire::CollectionRoute route = FakeCluster::route("c", 1, {{0, 1}});
  route.shards[0].members[0].address = FakeCluster::worker_address(1).text;
  cluster.add_collection(route);
  auto client = cluster.client();
  const auto stored = cluster.run(client.upsert({}, upsert({point(1, {1, 1})})));
  EXPECT_TRUE(stored.has_value()) << stored.error().to_string();
  EXPECT_EQ(cluster.workers[1]->script.calls, 1U);
  // Both now: it is told, and nobody is asked.
  route.shards[0].members[1].node_id = 12;
  cluster.add_collection(route);
  cluster.workers[1]->script.refusals = std::deque<Status>(1, not_leader(0));
  const Status refused = status_of(cluster.run(client.upsert({}, upsert({point(2, {1, 1})}))));
  EXPECT_EQ(refused.code(), Code::unavailable);
  EXPECT_NE(refused.message().find("node 11 answers at"), std::string::npos) << refused.to_string();
  EXPECT_EQ(cluster.workers[1]->writes.size(), 1U);
}

TEST(Gateway, AsksTheNextPlacementNodeWhereAnotherNodeAnswers) {
  FakeCluster cluster(2, 1);
  cluster.config.placement[0].node = NodeId(77);
  auto client = cluster.client();
  const auto listed = cluster.run(client.list_collections({}, {}));
  EXPECT_TRUE(listed.has_value()) << listed.error().to_string();
  EXPECT_EQ(cluster.placement[0]->script.calls, 0U);
}

TEST(Gateway, IsReadyWhenItHasFoundThePlacementDriver) {
  FakeCluster cluster(2, 1);
  const rpc::NodeAddress nobody{NodeId(1), Address{"@nobody:1"}};
  cluster.config.placement.insert(cluster.config.placement.begin(), nobody);
  bool ready = false;
  cluster.config.on_ready = [&ready] { ready = true; };
  auto client = cluster.client();
  EXPECT_TRUE(cluster.run(client.list_collections({}, {})).has_value());
  cluster.env().run_for(2s);
  EXPECT_TRUE(ready);
}

TEST(Gateway, RepeatsTheRemovalOfACollectionWhoseOutcomeIsUnknown) {
  FakeCluster cluster(3, 1);
  cluster.placement[0]->script.refusals = {Status(Code::unknown_outcome, "who knows")};
  auto client = cluster.client();
  api::DeleteCollectionRequest request;
  request.name = "c";
  request.collection_id = 9;
  const auto removed = cluster.run(client.delete_collection({}, request));
  ASSERT_TRUE(removed.has_value()) << removed.error().to_string();
  EXPECT_EQ(cluster.placement[1]->deleted, std::vector<uint64_t>{9});
}

TEST(Gateway, SaysOfARemovedCollectionThatItDoesNotExist) {
  FakeCluster cluster(1, 1);
  cluster.add_collection(FakeCluster::route("c", 2, {{0}}));
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  // Removed through another gateway: only the worker knows, for it does not hold the shards.
  cluster.placement[0]->routes.clear();
  const auto gone = [] { return Status(Code::not_found, "no such shard here"); };
  cluster.workers[0]->script.refusals = {gone(), gone(), gone(), gone()};
  EXPECT_EQ(status_of(cluster.run(client.search({}, search({1, 1})))).code(), Code::not_found);
  EXPECT_EQ(status_of(cluster.run(client.get({}, get(1)))).code(), Code::not_found);
}

// A part of what is not there any more is no answer.
TEST(Gateway, SaysSoOfARemovedCollectionThoughAPartWouldDo) {
  FakeCluster cluster(1, 2);
  cluster.add_collection(FakeCluster::route("c", 2, {{0}, {1}}));
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.upsert({}, upsert({point(1, {1, 1})}))).has_value());
  cluster.placement[0]->routes.clear();
  const auto gone = [] { return Status(Code::not_found, "no such shard here"); };
  cluster.workers[1]->script.refusals = {gone(), gone(), gone(), gone()};
  api::SearchRequest request = search({1, 1});
  request.allow_partial = true;
  EXPECT_EQ(status_of(cluster.run(client.search({}, request))).code(), Code::not_found);
}

TEST(Gateway, ReportsPerPointWhatEachShardSaid) {
  FakeCluster cluster(1, 2);
  cluster.add_collection(FakeCluster::route("c", 2, {{0}, {1}}));
  cluster.workers[1]->script.refusals = {Status(Code::unknown_outcome, "who knows")};
  auto client = cluster.client();
  std::vector<api::Point> points = {point(0, {1})};
  for (uint64_t id = 1; id < 20; ++id) points.push_back(point(id, {1, 1}));
  const auto written = cluster.run(client.upsert({}, upsert(points)));
  ASSERT_TRUE(written.has_value()) << written.error().to_string();
  EXPECT_EQ(written->results[0].field, "points[0].vector");
  EXPECT_EQ(written->failed, 20U - cluster.workers[0]->shards[1].size());
  size_t stored = 0;
  size_t unknown = 0;
  for (const api::PointResult& result : written->results) {
    stored += result.code == 0 ? 1 : 0;
    unknown += result.code == static_cast<uint8_t>(Code::unknown_outcome) ? 1 : 0;
  }
  EXPECT_EQ(stored, cluster.workers[0]->shards[1].size());
  EXPECT_EQ(stored + unknown, 19U);
  EXPECT_GT(unknown, 0U);
  EXPECT_EQ(written->tokens.size(), 1U);
}

// A placement node that starts, and cannot reach the others, goes on saying so.
TEST(Gateway, AsksAnotherPlacementNodeThanTheOneThatIsUnavailableForEver) {
  for (const Code code : {Code::unavailable, Code::deadline_exceeded}) {
    FakeCluster cluster(3, 1);
    cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
    cluster.placement[0]->script.refusals =
        std::deque<Status>(1'000, Status(code, "this node is starting"));
    auto client = cluster.client();
    for (int round = 0; round < 3; ++round) {
      const auto listed = cluster.run(client.list_collections({}, {}));
      ASSERT_TRUE(listed.has_value()) << listed.error().to_string();
      EXPECT_EQ(listed->collections.size(), 1u);
    }
    // Who answered is asked first from then on.
    EXPECT_LE(cluster.placement[0]->script.calls, 1u);
  }
}

TEST(Gateway, FindsThePlacementLeaderByHintsAndByTrying) {
  FakeCluster cluster(3, 1);
  cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
  const std::string leader = FakeCluster::placement_address(2).text;
  cluster.placement[0]->script.refusals = {not_leader(0)};
  cluster.placement[1]->script.refusals = {not_leader(7, leader), not_leader(7, leader)};
  auto client = cluster.client();
  const auto listed = cluster.run(client.list_collections({}, {}));
  ASSERT_TRUE(listed.has_value()) << listed.error().to_string();
  EXPECT_EQ(listed->collections.size(), 1U);
  EXPECT_EQ(cluster.placement[2]->script.calls, 1U);
}

TEST(Gateway, AsksAnotherPlacementNodeWhenOneIsSilent) {
  FakeCluster cluster(3, 1);
  cluster.placement[0]->script.silent = true;
  auto client = cluster.client();
  EXPECT_TRUE(cluster.run(client.list_collections({}, {})).has_value());
}

TEST(Gateway, AsksASilentPlacementNodeOnceForAWrite) {
  FakeCluster cluster(3, 1);
  cluster.placement[0]->script.silent = true;
  auto client = cluster.client();
  api::CreateCollectionRequest request;
  request.name = "c";
  request.dimension = 2;
  const auto lost = cluster.run(client.create_collection({}, request));
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().code(), Code::unknown_outcome);
  // The next one is asked from then on: nobody would ever create a collection otherwise.
  const auto created = cluster.run(client.create_collection({}, request));
  EXPECT_TRUE(created.has_value()) << status_of(created).to_string();
  EXPECT_EQ(cluster.placement[0]->script.calls, 1U);
}

TEST(Gateway, FetchesARouteOnceForRequestsThatComeTogether) {
  FakeCluster cluster(1, 1);
  cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
  auto client = cluster.client();
  std::vector<Task<Result<api::SearchReply>>> searches;
  for (int i = 0; i < 10; ++i) searches.push_back(client.search({}, search({1, 1})));
  for (const auto& found : cluster.run(when_all(std::move(searches)))) {
    EXPECT_TRUE(found.has_value());
  }
  EXPECT_EQ(cluster.placement[0]->script.calls, 1U);
}

// A fetch goes on when whoever asked is gone: with other names each time, they would pile up.
TEST(Gateway, AsksForSoManyRoutesAtOnceAsThereMayBeRequests) {
  FakeCluster cluster(1, 1);
  cluster.config.requests_in_flight_max = 4;
  cluster.placement[0]->script.silent = true;
  auto client = cluster.client();
  const auto ask = [&](const char* name) {
    RequestContext context;
    context.deadline = cluster.env().clock().monotonic() + 50ms;
    api::GetRequest request = get(1);
    request.collection = name;
    return status_of(cluster.run(client.get(std::move(context), std::move(request)))).code();
  };
  for (const char* name : {"a", "b", "c", "d"}) {
    EXPECT_NE(ask(name), Code::resource_exhausted) << name;
  }
  EXPECT_EQ(ask("e"), Code::resource_exhausted);
  EXPECT_NE(ask("a"), Code::resource_exhausted) << "it shares a fetch";
  cluster.env().run_for(2 * cluster.config.request_timeout);
  EXPECT_NE(ask("e"), Code::resource_exhausted);
}

TEST(Gateway, KeepsSoManyRoutesAsItHasMemoryForAndForgetsTheLongestUnused) {
  FakeCluster cluster(1, 1);
  for (const char* name : {"a", "b", "c"}) {
    cluster.add_collection(FakeCluster::route(name, 100, {{0}}));
  }
  const Result<Route> route = make_route(FakeCluster::route("a", 100, {{0}}));
  cluster.config.route_bytes_max = 5 * route->memory_bytes() / 2;
  auto client = cluster.client();
  for (const char* name : {"a", "b", "a", "c", "a", "b"}) {
    api::GetRequest request = get(1);
    request.collection = name;
    EXPECT_EQ(status_of(cluster.run(client.get({}, std::move(request)))).code(), Code::not_found);
  }
  EXPECT_THAT(cluster.placement[0]->routed, testing::ElementsAre("a", "b", "c", "b"));
}

TEST(Gateway, PassesACreateRequestOnWithItsDefaults) {
  FakeCluster cluster(1, 1);
  auto client = cluster.client();
  api::CreateCollectionRequest request;
  request.name = "new";
  request.dimension = 4;
  request.distance = api::Distance::dot;
  const auto created = cluster.run(client.create_collection({}, request));
  ASSERT_TRUE(created.has_value()) << created.error().to_string();
  EXPECT_TRUE(created->ready);
  EXPECT_EQ(cluster.placement[0]->created.distance, wire::Distance::dot);
  EXPECT_EQ(cluster.placement[0]->created.index.m, 16U);
}

TEST(Gateway, NeverCreatesTwiceWhatMayHaveBeenCreated) {
  FakeCluster cluster(3, 1);
  for (auto& node : cluster.placement) {
    node->script.refusals = {Status(Code::unknown_outcome, "who knows")};
  }
  auto client = cluster.client();
  api::CreateCollectionRequest request;
  request.name = "new";
  request.dimension = 4;
  const auto created = cluster.run(client.create_collection({}, request));
  EXPECT_EQ(status_of(created).code(), Code::unknown_outcome);
  uint64_t calls = 0;
  for (auto& node : cluster.placement) calls += node->script.calls;
  EXPECT_EQ(calls, 1U);
}

struct BadCreate {
  std::string field;
  std::function<void(api::CreateCollectionRequest&)> spoil;
};

TEST(Gateway, NamesTheFieldOfABadCreateRequest) {
  const std::vector<BadCreate> cases = {
      {"name", [](auto& request) { request.name = "-x"; }},
      {"name", [](auto& request) { request.name = std::string(65, 'x'); }},
      {"dimension", [](auto& request) { request.dimension = 0; }},
      {"dimension", [](auto& request) { request.dimension = 70'000; }},
      {"shards", [](auto& request) { request.shards = 0; }},
      {"replication", [](auto& request) { request.replication = 100; }},
      {"index.m", [](auto& request) { request.index = api::IndexOptions{1, 100, 100}; }},
      {"index.ef_search_default",
       [](auto& request) { request.index = api::IndexOptions{16, 100, 1'000'000}; }},
  };
  FakeCluster cluster(1, 1);
  auto client = cluster.client();
  for (const BadCreate& each : cases) {
    api::CreateCollectionRequest request;
    request.name = "fine";
    request.dimension = 4;
    each.spoil(request);
    const auto created = cluster.run(client.create_collection({}, request));
    ASSERT_EQ(status_of(created).code(), Code::invalid_argument) << each.field;
    EXPECT_EQ(created.error().field(), each.field);
  }
}

TEST(Gateway, NamesTheFieldOfABadRequest) {
  FakeCluster cluster(1, 1);
  cluster.config.batch_points_max = 2;
  cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
  auto client = cluster.client();
  const auto field_of_search = [&](api::SearchRequest request) {
    return status_of(cluster.run(client.search({}, std::move(request)))).field();
  };
  EXPECT_EQ(field_of_search(search({1})), "vector");
  EXPECT_EQ(field_of_search(search({1, INFINITY})), "vector");
  EXPECT_EQ(field_of_search(search({1, 1}, 0)), "top_k");
  EXPECT_EQ(field_of_search(search({1, 1}, kTopKMax + 1)), "top_k");
  api::SearchRequest wide = search({1, 1});
  wide.ef = kEfMax + 1;
  EXPECT_EQ(field_of_search(wide), "ef");
  api::SearchRequest stray = search({1, 1});
  stray.collection = "nobody";
  EXPECT_EQ(field_of_search(stray), "collection");
  stray.collection = "no/such";
  EXPECT_EQ(field_of_search(stray), "collection");

  const auto field_of_upsert = [&](std::vector<api::Point> points) {
    return status_of(cluster.run(client.upsert({}, upsert(std::move(points))))).field();
  };
  EXPECT_EQ(field_of_upsert({}), "points");
  EXPECT_EQ(field_of_upsert({point(1, {1, 1}), point(2, {1, 1}), point(3, {1, 1})}), "points");
  EXPECT_EQ(field_of_upsert({point(1, {NAN, 1})}), "points[0].vector");
  api::GetRequest nameless = get(0);
  nameless.id.is_text = true;
  EXPECT_EQ(status_of(cluster.run(client.get({}, nameless))).field(), "id");
  EXPECT_EQ(cluster.workers[0]->script.calls, 0U);
}

TEST(Gateway, EndsWhatIsInFlightAndRefusesTheRestWhenItStops) {
  FakeCluster cluster(1, 1);
  cluster.add_collection(FakeCluster::route("c", 1, {{0}}));
  auto client = cluster.client();
  ASSERT_TRUE(cluster.run(client.search({}, search({1, 1}))).has_value());
  cluster.workers[0]->script.silent = true;
  TaskGroup group(cluster.env().scheduler());
  std::optional<Status> slow;
  const auto keep = [](std::optional<Status>* out,
                       Task<Result<api::DeleteReply>> task) -> Task<void> {
    Result<api::DeleteReply> reply = co_await task;
    out->emplace(status_of(reply));
  };
  group.spawn(keep(&slow, client.delete_({}, remove(1))));
  cluster.env().run_for(100ms);
  cluster.stop();
  cluster.env().run_for(100ms);
  EXPECT_EQ(status_of(cluster.run(client.get({}, get(1)))).code(), Code::unavailable);
  EXPECT_FALSE(cluster.outcome().has_value());
  cluster.env().run_for(3s);
  ASSERT_TRUE(slow.has_value());
  EXPECT_EQ(slow->code(), Code::unknown_outcome);
  ASSERT_TRUE(cluster.outcome().has_value());
  EXPECT_TRUE(cluster.outcome()->has_value());
}

TEST(GatewayConfig, NamesTheFieldThatIsWrong) {
  GatewayConfig config;
  EXPECT_EQ(config.validate().error().field(), "cluster");
  config.cluster = ClusterId(1);
  EXPECT_EQ(config.validate().error().field(), "node");
  config.node = NodeId(1);
  EXPECT_EQ(config.validate().error().field(), "placement");
  config.placement = {{NodeId(1), Address{"@p:1"}}};
  EXPECT_TRUE(config.validate().has_value());
  config.request_timeout_max = 1s;
  EXPECT_EQ(config.validate().error().field(), "request_timeout_max");
  config.request_timeout_max = GatewayConfig().request_timeout_max;
  config.write_bytes_max = kWritePieceBytesMax + 1;  // No worker takes it.
  EXPECT_EQ(config.validate().error().field(), "write_bytes_max");
}

}  // namespace
}  // namespace vectron::gateway
