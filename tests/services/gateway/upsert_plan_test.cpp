#include "services/gateway/upsert_plan.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <map>

#include "services/gateway/translation.h"

namespace vectron::gateway {
namespace {

Route route_of(uint32_t shards, Distance distance = Distance::euclidean) {
  Route route;
  route.name = "c";
  route.dimension = 2;
  route.distance = distance;
  route.ranges = split_evenly(shards);
  for (uint32_t i = 0; i < shards; ++i) {
    route.shards.push_back({ShardId(100 + i), {{NodeId(1), Address{"@w:1"}}}, rpc::LastLeader()});
  }
  return route;
}

api::Point point(uint64_t id, std::vector<float> vector) {
  api::Point out;
  out.id.number = id;
  out.vector = std::move(vector);
  return out;
}

TEST(UpsertPlan, NamesTheFieldOfEachPointThatItRefuses) {
  api::Point long_id = point(0, {1, 2});
  long_id.id.is_text = true;
  long_id.id.text = std::string(129, 'x');
  api::Point large = point(5, {1, 2});
  large.payload.resize(kPayloadBytesMax + 1);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const UpsertPlan plan = plan_upsert(
      route_of(1), {point(1, {1}), point(2, {1, nan}), long_id, point(3, {1, 2}), large}, {});
  const std::vector<std::string> fields = {"points[0].vector", "points[1].vector", "points[2].id",
                                           "", "points[4].payload"};
  for (size_t i = 0; i < fields.size(); ++i) {
    EXPECT_EQ(plan.results[i].field, fields[i]);
    EXPECT_EQ(plan.results[i].code, fields[i].empty() ? 0 : 3) << i;
  }
  ASSERT_EQ(plan.parts.size(), 1U);
  EXPECT_EQ(plan.parts[0].pieces[0].places, (std::vector<size_t>{3}));
}

TEST(UpsertPlan, RefusesAZeroVectorUnderCosineAlone) {
  EXPECT_TRUE(plan_upsert(route_of(1, Distance::cosine), {point(1, {0, 0})}, {}).parts.empty());
  EXPECT_FALSE(plan_upsert(route_of(1, Distance::dot), {point(1, {0, 0})}, {}).parts.empty());
}

TEST(UpsertPlan, CutsAShardsPartIntoPiecesOfBoundedBytes) {
  std::vector<api::Point> points;
  for (uint64_t id = 0; id < 10; ++id) points.push_back(point(id, {1, 2}));
  const UpsertPlan plan = plan_upsert(route_of(1), std::move(points), {.piece_bytes_max = 200});
  ASSERT_EQ(plan.parts.size(), 1U);
  size_t place = 0;
  for (const UpsertPiece& piece : plan.parts[0].pieces) {
    EXPECT_LE(piece.bytes, 200U);
    for (const size_t each : piece.places) EXPECT_EQ(each, place++);
  }
  EXPECT_EQ(place, 10U);
}

TEST(UpsertPlan, CutsAShardsPartIntoPiecesOfBoundedPoints) {
  std::vector<api::Point> points;
  for (uint64_t id = 0; id < 21; ++id) points.push_back(point(id, {1, 2}));
  const UpsertPlan plan = plan_upsert(route_of(1), std::move(points), {.piece_points_max = 10});
  ASSERT_EQ(plan.parts.size(), 1U);
  ASSERT_EQ(plan.parts[0].pieces.size(), 3U);
  EXPECT_EQ(plan.parts[0].pieces[0].operations.size(), 10U);
  EXPECT_EQ(plan.parts[0].pieces[2].operations.size(), 1U);
}

RC_GTEST_PROP(UpsertPlan, PutsEveryPointIntoItsShardInOrder, (std::vector<uint64_t> ids)) {
  const Route route = route_of(*rc::gen::inRange<uint32_t>(1, 9));
  std::vector<api::Point> points;
  for (const uint64_t id : ids) points.push_back(point(id % 50, {float(id % 7), 1}));
  const UpsertPlan plan =
      plan_upsert(route, points, {.piece_bytes_max = *rc::gen::inRange<size_t>(1, 500)});

  // The twin: for each shard, the places of its points, found one by one.
  std::map<size_t, std::vector<size_t>> expected;
  for (size_t i = 0; i < points.size(); ++i) {
    expected[route.shard_of(PointId(points[i].id.number))].push_back(i);
  }
  RC_ASSERT(plan.parts.size() == expected.size());
  for (const UpsertPart& part : plan.parts) {
    std::vector<size_t> places;
    for (const UpsertPiece& piece : part.pieces) {
      RC_ASSERT(piece.places.size() == piece.operations.size());
      RC_ASSERT(!piece.places.empty());
      for (size_t i = 0; i < piece.places.size(); ++i) {
        RC_ASSERT(piece.operations[i] == to_upsert(points[piece.places[i]]));
        places.push_back(piece.places[i]);
      }
    }
    RC_ASSERT(places == expected.at(part.shard));
  }
}

PieceOutcome outcome(std::vector<size_t> places, uint64_t shard, Status status, uint64_t version) {
  return {std::move(places), ShardId(shard), std::move(status), LogIndex(version)};
}

TEST(UpsertReply, GivesEachPointItsOwnResultAndEachShardItsNewestToken) {
  const auto reply =
      make_upsert_reply(std::vector<api::PointResult>(4),
                        {outcome({2}, 7, Status(), 6), outcome({0}, 7, Status(), 5),
                         outcome({1, 3}, 8, Status(Code::unknown_outcome, "who knows"), 0)});
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->results[0].version, 5U);
  EXPECT_EQ(reply->results[2].version, 6U);
  EXPECT_EQ(reply->results[1].code, 17);
  EXPECT_EQ(reply->results[3].message, "who knows");
  ASSERT_EQ(reply->tokens.size(), 1U);
  EXPECT_EQ(reply->tokens[0], (api::ShardToken{7, 6}));
}

TEST(UpsertReply, FailsAsAWholeWhenNothingWasWritten) {
  const auto unavailable = make_upsert_reply(std::vector<api::PointResult>(1),
                                             {outcome({0}, 7, Status(Code::unavailable, "no"), 0)});
  EXPECT_EQ(status_of(unavailable).code(), Code::unavailable);
  // One part that may have happened makes the whole unknown, whatever the others say.
  const auto unknown =
      make_upsert_reply(std::vector<api::PointResult>(2),
                        {outcome({0}, 7, Status(Code::unavailable, "no"), 0),
                         outcome({1}, 8, Status(Code::unknown_outcome, "who knows"), 0)});
  EXPECT_EQ(status_of(unknown).code(), Code::unknown_outcome);
}

}  // namespace
}  // namespace vectron::gateway
