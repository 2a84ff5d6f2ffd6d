// The shortest way through all that a write, a read and a search pass, and through restarts of
// every node.
#include "tests/services/worker/worker_cluster.h"

namespace vectron {
namespace {

using sim::CrashKind;
using sim::SimNode;

TEST_F(WorkerCluster, WritesAreReadAndFoundOnOneWorker) {
  boot(1, 1);
  const auto created = create(1, 1);
  ASSERT_TRUE(created.has_value()) << created.error().to_string();
  EXPECT_TRUE(created->collection.ready);
  const auto written = write(5, {1, 2, 3, 4});
  ASSERT_TRUE(written.has_value()) << written.error().to_string();
  EXPECT_EQ(written->existed, std::vector<bool>{false});
  const auto found = read(5);
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  ASSERT_TRUE(found->points[0].found);
  EXPECT_EQ(found->points[0].vector, (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(found->points[0].version, written->applied_index);
  const auto hits = search({1, 2, 3, 5}, 3);
  ASSERT_TRUE(hits.has_value()) << hits.error().to_string();
  ASSERT_EQ(hits->hits.size(), 1u);
  EXPECT_EQ(hits->hits[0].distance, 1.0F);
  EXPECT_EQ(hits->hits[0].payload, (Bytes{3, 4, 1}));
}

TEST_F(WorkerCluster, EquallyNearPointsComeByTheirIds) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  for (const uint64_t id : {9, 4, 7, 2, 8}) ASSERT_TRUE(write(id, {1, 2, 3, 4}).has_value());
  const auto hits = search({1, 2, 3, 5}, 3);
  ASSERT_TRUE(hits.has_value());
  ASSERT_EQ(hits->hits.size(), 3u);
  EXPECT_EQ(hits->hits[0].id.number, 2u);
  EXPECT_EQ(hits->hits[1].id.number, 4u);
  EXPECT_EQ(hits->hits[2].id.number, 7u);
}

TEST_F(WorkerCluster, LinksPointsWhenABatchIsFullOrHasWaitedLongEnough) {
  index_batch_points_max_ = 3;
  index_linger_ = 60s;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  const auto in_tail = [this] {
    world_->run_for(1s);
    const auto found = search({1, 2, 3, 4}, 10);
    VECTRON_ASSERT(found.has_value());
    return std::ranges::count(found->hits, true, &wire::ShardHit::from_tail);
  };
  ASSERT_TRUE(write(1, {1, 2, 3, 4}).has_value());
  ASSERT_TRUE(write(2, {2, 2, 3, 4}).has_value());
  EXPECT_EQ(in_tail(), 2) << "two points are not worth a piece of work";
  ASSERT_TRUE(write(3, {3, 2, 3, 4}).has_value());
  EXPECT_EQ(in_tail(), 0) << "a full batch is linked at once";
  ASSERT_TRUE(write(4, {4, 2, 3, 4}).has_value());
  EXPECT_EQ(in_tail(), 1);
  world_->run_for(60s);
  EXPECT_EQ(in_tail(), 0) << "nothing waits longer than index_linger";
}

TEST_F(WorkerCluster, NothingIsLostWhenEveryNodeLosesPower) {
  boot(3, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  for (uint64_t id = 0; id < 20; ++id) {
    const auto written = write(id, {static_cast<float>(id), 1, 1, 1});
    ASSERT_TRUE(written.has_value()) << written.error().to_string();
  }
  ASSERT_TRUE(write(3, {}, true).has_value());
  for (const auto& node : world_->nodes()) {
    if (node.get() != client_) node->crash(CrashKind::power_loss);
  }
  world_->run_for(1s);
  for (size_t i = 0; i < 3; ++i) {
    start_placement(*world_->find_node(fmt::format("placement-{}", i)), i);
    start_worker(*world_->find_node(fmt::format("worker-{}", i)), i);
  }
  for (uint64_t id = 0; id < 20; ++id) {
    const auto found = read(id);
    ASSERT_TRUE(found.has_value()) << found.error().to_string();
    EXPECT_EQ(found->points[0].found, id != 3) << id;
  }
  const auto hits = search({0, 1, 1, 1}, 100);
  ASSERT_TRUE(hits.has_value()) << hits.error().to_string();
  EXPECT_EQ(hits->hits.size(), 19u);
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

TEST_F(WorkerCluster, CountsElectionsAndLeaders) {
  boot(3, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  uint64_t elections = 0;
  for (const char* name : {"placement-0", "placement-1", "placement-2"}) {
    const Metrics& metrics = world_->find_node(name)->env().metrics();
    elections += metrics.value(Metric::raft_elections_started);
    EXPECT_GE(metrics.value(Metric::raft_leader_changes), 1u) << name;
  }
  EXPECT_GE(elections, 1u);
}

TEST_F(WorkerCluster, AFollowerThatWasAwayGetsASnapshot) {
  ReplicaConfig config;
  config.kv.map_bytes_max = 16 << 20;
  config.log_entries_kept_max = 8;
  config.snapshot_chunk_bytes_max = 300;
  replica_config_ = config;
  boot(1, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  ASSERT_TRUE(write(0, {0, 1, 1, 1}).has_value());
  const Address leader_address = leader();
  size_t away = 0;
  while (leader_address.text.starts_with(fmt::format("worker-{}", away))) ++away;
  SimNode& follower = *world_->find_node(fmt::format("worker-{}", away));
  follower.crash(CrashKind::power_loss);
  for (uint64_t id = 1; id < 40; ++id) {
    const auto written = write(id, {static_cast<float>(id), 1, 1, 1});
    ASSERT_TRUE(written.has_value()) << written.error().to_string();
  }
  // Longer than the log waits for one that does not answer.
  world_->run_for(5s);
  start_worker(follower, away);
  const bool installed = world_->run_until(
      [&] {
        return follower.running() &&
               follower.env().metrics().value(Metric::raft_snapshots_installed) > 0;
      },
      world_->now() + 30s);
  EXPECT_TRUE(installed);
  world_->run_for(2s);
  wire::ReadRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  request.read_level = wire::ReadLevel::eventual;
  for (uint64_t id = 0; id < 40; ++id) {
    request.ids.emplace_back();
    request.ids.back().number = id;
  }
  auto client = worker(Address{fmt::format("worker-{}:1", away)});
  const auto points = await(client.read(context(), request));
  ASSERT_TRUE(points.has_value()) << points.error().to_string();
  for (const auto& point : points->points) EXPECT_TRUE(point.found) << point.id.number;
}

TEST_F(WorkerCluster, ARepeatedRequestChangesNothingAndAnswersAsTheFirstTime) {
  boot(1, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  const auto first = write_once(77, 5, 1);
  ASSERT_TRUE(first.has_value()) << first.error().to_string();
  EXPECT_EQ(first->existed, std::vector<bool>{false});
  const auto other = write_once(78, 5, 2);
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(other->existed, std::vector<bool>{true});
  const auto repeated = write_once(77, 5, 1);
  ASSERT_TRUE(repeated.has_value());
  EXPECT_EQ(repeated->applied_index, first->applied_index);
  EXPECT_EQ(repeated->existed, first->existed);
  EXPECT_EQ(read(5)->points[0].vector[0], 2.0F);
  EXPECT_EQ(read(5)->points[0].version, other->applied_index);
  // Over a restart of everything, too.
  for (size_t i = 0; i < 3; ++i) {
    world_->find_node(fmt::format("worker-{}", i))->crash(CrashKind::power_loss);
  }
  world_->run_for(1s);
  for (size_t i = 0; i < 3; ++i) {
    start_worker(*world_->find_node(fmt::format("worker-{}", i)), i);
  }
  // A connection of the time before may be what the first attempts go over.
  auto late = write_once(77, 5, 1);
  for (int i = 0; i < 20 && !late.has_value(); ++i) late = write_once(77, 5, 1);
  ASSERT_TRUE(late.has_value()) << late.error().to_string();
  EXPECT_EQ(late->applied_index, first->applied_index);
  EXPECT_EQ(read(5)->points[0].version, other->applied_index);
  const auto misused = write_once(77, 6, 1);
  ASSERT_FALSE(misused.has_value());
  EXPECT_EQ(misused.error().field(), "request_id");
  EXPECT_FALSE(read(6)->points[0].found);
}

// A route of another epoch may divide the points otherwise: nothing is answered by it.
TEST_F(WorkerCluster, RefusesRequestsOfAnotherEpoch) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  for (const uint64_t epoch : {0, 2}) {
    // A newer one comes to this worker too; an older one is to be fetched again.
    const Code code = epoch == 0 ? Code::failed_precondition : Code::unavailable;
    const auto refused = [&](const Status& status) {
      EXPECT_EQ(status.code(), code) << epoch << " " << status.to_string();
    };
    auto client = worker(leader());
    wire::WriteRequest write_request;
    write_request.shard_id = 1;
    write_request.epoch = epoch;
    wire::WriteOperation& operation = write_request.operations.emplace_back();
    operation.id.number = 5;
    operation.vector = {9, 9, 9, 9};
    refused(status_of(await(client.write(context(), write_request))));
    wire::ReadRequest read_request;
    read_request.shard_id = 1;
    read_request.epoch = epoch;
    read_request.ids.resize(1);
    read_request.ids[0].number = 5;
    refused(status_of(await(client.read(context(), read_request))));
    wire::ShardSearchRequest search_request;
    search_request.shard_id = 1;
    search_request.epoch = epoch;
    search_request.vector = {1, 2, 3, 4};
    search_request.k = 1;
    refused(status_of(await(client.search(context(), search_request))));
  }
  const auto found = search({1, 2, 3, 4}, 1);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->hits[0].distance, 0.0F);
}

TEST_F(WorkerCluster, RefusesWhatItCannotStoreAndNamesTheField) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  const auto short_vector = write(1, {1, 2});
  ASSERT_FALSE(short_vector.has_value());
  EXPECT_EQ(short_vector.error().code(), Code::invalid_argument);
  EXPECT_EQ(short_vector.error().field(), "operations[0].vector");
  const auto again = create(1, 1);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code(), Code::already_exists);
}

}  // namespace
}  // namespace vectron
