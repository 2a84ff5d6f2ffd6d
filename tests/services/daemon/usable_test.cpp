#include "services/daemon/usable.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vectron {
namespace {

using testing::HasSubstr;

// One shard, its copies on workers 101, 102, ...; those whose numbers are named are lost.
api::CollectionStatus collection(std::string name, size_t copies, const std::set<size_t>& lost) {
  api::CollectionStatus out;
  out.name = std::move(name);
  api::ShardStatus shard;
  shard.shard_id = 4;
  for (size_t i = 0; i < copies; ++i) {
    api::ReplicaStatus replica;
    replica.replica_id = 10 + i;
    replica.node_id = 101 + i;
    replica.lost = lost.contains(i);
    shard.replicas.push_back(replica);
  }
  out.shards.push_back(shard);
  return out;
}

std::vector<Unready> look_at(api::CollectionStatus one, const std::set<uint64_t>& silent) {
  api::ListCollectionsReply listed;
  listed.collections.push_back(std::move(one));
  return unready_collections(listed, silent, 0);
}

TEST(Usable, WaitsForCollectionsThatMayStillGetALeader) {
  EXPECT_TRUE(look_at(collection("a", 1, {}), {}).at(0).may_come);
  EXPECT_TRUE(look_at(collection("a", 3, {1}), {}).at(0).may_come);
  EXPECT_TRUE(look_at(collection("a", 3, {}), {102}).at(0).may_come);
  api::CollectionStatus ready = collection("a", 1, {});
  ready.ready = true;
  EXPECT_TRUE(look_at(ready, {}).empty());
}

TEST(Usable, NamesTheCopiesWithoutWhichThereIsNoLeader) {
  const Unready one = look_at(collection("films", 1, {0}), {}).at(0);
  EXPECT_FALSE(one.may_come);
  EXPECT_EQ(one.name, "films");
  EXPECT_THAT(one.why, HasSubstr("replica 10 of shard 4 on worker 101 is lost"));
  EXPECT_THAT(one.why, HasSubstr("delete the collection"));
  EXPECT_FALSE(look_at(collection("a", 2, {1}), {}).at(0).may_come);
  const Unready away = look_at(collection("a", 3, {0}), {103}).at(0);
  EXPECT_FALSE(away.may_come);
  EXPECT_THAT(away.why, HasSubstr("replica 12 of shard 4 on worker 103 is away"));
}

TEST(Usable, DoesNotWaitForCopiesThatTheirWorkerHasNoDescriptorsFor) {
  api::ListCollectionsReply listed;
  for (uint64_t number = 0; number < 4; ++number) {
    listed.collections.push_back(collection(fmt::format("c{}", number), 1, {}));
    listed.collections.back().shards[0].replicas[0].replica_id = 10 + number;
  }
  listed.collections[0].shards[0].replicas[0].lost = true;
  listed.collections[1].ready = true;
  EXPECT_TRUE(unready_collections(listed, {}, 3).at(1).may_come);
  const std::vector<Unready> unready = unready_collections(listed, {}, 2);
  ASSERT_EQ(unready.size(), 3u);
  EXPECT_TRUE(unready[1].may_come);  // 11 and 12 are open, 10 is lost.
  EXPECT_FALSE(unready[2].may_come);
  EXPECT_THAT(unready[2].why, HasSubstr("replica 13 of shard 4 on worker 101 is closed"));
  EXPECT_THAT(unready[2].why, HasSubstr("ulimit -n"));
}

TEST(Usable, WaitsAsLongAsSomethingMoves) {
  api::ListCollectionsReply listed;
  listed.collections.push_back(collection("films", 3, {}));
  Patience patience(20s, Instant(0s));
  for (int second = 0; second < 200; second += 10) {
    listed.collections[0].shards[0].replicas[1].applied_index += 100;
    EXPECT_TRUE(patience.goes_on(progress_of(listed, {}), Instant(1s * second))) << second;
  }
  EXPECT_TRUE(patience.goes_on(progress_of(listed, {}), Instant(209s)));
  EXPECT_FALSE(patience.goes_on(progress_of(listed, {}), Instant(210s)));
  EXPECT_TRUE(patience.goes_on(progress_of(listed, {102}), Instant(210s)));
  listed.collections[0].shards[0].leader_node = 101;
  EXPECT_TRUE(patience.goes_on(progress_of(listed, {102}), Instant(235s)));
  // Of those that are ready nothing counts.
  listed.collections[0].ready = true;
  const std::string ready = progress_of(listed, {});
  listed.collections[0].shards[0].replicas[1].applied_index += 100;
  EXPECT_EQ(progress_of(listed, {}), ready);
}

TEST(Usable, TakesWorkersThatWereNotHeardOfAsAway) {
  api::ListWorkersReply workers;
  const auto add = [&workers](uint64_t node, api::WorkerState state) {
    workers.workers.emplace_back();
    workers.workers.back().node_id = node;
    workers.workers.back().state = state;
  };
  add(101, api::WorkerState::ready);
  add(102, api::WorkerState::joining);
  add(103, api::WorkerState::down);
  add(104, api::WorkerState::draining);
  EXPECT_EQ(silent_nodes(workers), (std::set<uint64_t>{102, 103}));
}

}  // namespace
}  // namespace vectron
