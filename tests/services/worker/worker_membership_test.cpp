// Nodes that move, stop, come back or lost their disks.
#include <gmock/gmock.h>

#include "tests/services/worker/worker_cluster.h"

namespace vectron {
namespace {

using sim::CrashKind;
using sim::SimNode;

sim::WorldConfig slow_disks() {
  sim::WorldConfig config;
  config.disk.sync_latency_min = 100ms;
  config.disk.sync_latency_max = 100ms;
  return config;
}

TEST_F(WorkerCluster, AWorkerThatComesBackElsewhereTakesPartAgain) {
  boot(3, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  // One after the other they move, so that in the end nobody is where the manifests say.
  for (size_t i = 0; i < 3; ++i) {
    SimNode& node = *world_->find_node(fmt::format("worker-{}", i));
    node.crash(CrashKind::process_kill);
    world_->run_for(1s);
    start_worker(node, i, 2);
    world_->run_for(5s);
  }
  const auto written = write(2, {2, 1, 1, 1});
  ASSERT_TRUE(written.has_value()) << written.error().to_string();
  EXPECT_TRUE(leader().text.ends_with(":2"));
  EXPECT_TRUE(read(1)->points[0].found);
}

TEST_F(WorkerCluster, PlacementNodesThatMoveAreFoundWhereTheConfigurationSays) {
  boot(3, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  for (size_t i = 0; i < 3; ++i) members_[i].address.text = fmt::format("placement-{}:2", i);
  for (size_t i = 0; i < 3; ++i) {
    world_->find_node(fmt::format("placement-{}", i))->crash(CrashKind::process_kill);
  }
  world_->find_node("worker-0")->crash(CrashKind::process_kill);
  world_->run_for(1s);
  for (size_t i = 0; i < 3; ++i) {
    start_placement(*world_->find_node(fmt::format("placement-{}", i)), i);
  }
  start_worker(*world_->find_node("worker-0"), 0);
  const auto written = write(1, {1, 1, 1, 1});
  EXPECT_TRUE(written.has_value()) << written.error().to_string();
}

// "Not here" would send whoever asks on a search that never ends.
TEST_F(WorkerCluster, AWorkerSaysOfACopyThatIsGoneThatItIsDamaged) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  SimNode& node = *world_->find_node("worker-0");
  node.crash(CrashKind::process_kill);
  world_->run_for(1s);
  ASSERT_EQ(folders(0).size(), 1U);
  ASSERT_TRUE(node.disk().remove_tree("replicas/" + folders(0).front()).has_value());
  start_worker(node, 0);
  world_->run_for(10s);
  wire::ReadRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  request.ids.emplace_back().number = 1;
  auto client = worker(Address{"worker-0:1"});
  const auto answer = await(client.read(context(), request));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code(), Code::data_loss) << answer.error().to_string();
  EXPECT_EQ(answer.error().field(), "shard_id");
  request.shard_id = 7;
  const auto unknown = await(client.read(context(), request));
  EXPECT_EQ(status_of(unknown).code(), Code::not_found);
}

TEST_F(WorkerCluster, APlacementNodeThatLostItsDiskIsNotMadeAgainWhateverBootstrapSays) {
  boot(3, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  SimNode& node = *world_->find_node("placement-0");
  node.crash(CrashKind::power_loss);
  world_->run_for(1s);
  node.lose_disk();
  start_placement(node, 0);
  world_->run_for(10s);
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_EQ(failures_[0].code(), Code::data_loss);
  EXPECT_TRUE(write(1, {1, 1, 1, 1}).has_value());  // The other two go on.
}

TEST_F(WorkerCluster, AMemberThatCannotAskEverybodyWaitsInsteadOfBeingBorn) {
  boot(3, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  for (size_t i = 0; i < 3; ++i) {
    world_->find_node(fmt::format("placement-{}", i))->crash(CrashKind::power_loss);
  }
  world_->run_for(1s);
  // Two of three lost their disks: together they would be a quorum that knows nothing.
  for (size_t i = 0; i < 2; ++i) {
    world_->find_node(fmt::format("placement-{}", i))->lose_disk();
    start_placement(*world_->find_node(fmt::format("placement-{}", i)), i);
  }
  world_->run_for(20s);
  auto client = placement(0);
  const auto listed = await(client.list_collections(context(2s), {}));
  EXPECT_FALSE(listed.has_value());
  EXPECT_TRUE(failures_.empty());
  start_placement(*world_->find_node("placement-2"), 2);
  world_->run_for(10s);
  EXPECT_EQ(failures_.size(), 2U);
}

TEST_F(WorkerCluster, PlacementNodesHaveTheSameIdsForEver) {
  boot(3, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  SimNode& node = *world_->find_node("placement-0");
  node.crash(CrashKind::process_kill);
  world_->run_for(1s);
  members_[2].node = NodeId(9);
  start_placement(node, 0);
  world_->run_for(5s);
  ASSERT_EQ(failures_.size(), 1U);
  EXPECT_EQ(failures_[0].field(), "members");
}

TEST_F(WorkerCluster, AWorkerThatIsAskedToStopHandsItsShardOverBeforeItGoes) {
  boot(1, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  const std::string old_leader = leader().text;
  const Instant asked = world_->now();
  stop_of(old_leader.substr(0, old_leader.find(':'))).set();
  ASSERT_TRUE(world_->run_until([this] { return ends_ == 1; }, world_->now() + 20s));
  EXPECT_TRUE(failures_.empty());
  // No election timeout (a second at least) had to pass: somebody else leads already.
  EXPECT_LT(world_->now() - asked, 500ms);
  wire::WriteRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  request.operations.resize(1);
  request.operations[0].id.number = 2;
  request.operations[0].vector = {1, 1, 1, 1};
  size_t done = 0;
  for (size_t i = 0; i < 3; ++i) {
    const std::string address = fmt::format("worker-{}:1", i);
    if (address == old_leader) continue;
    auto client = worker(Address{address});
    const auto written = await(client.write(context(400ms), request));
    done += written.has_value() ? 1 : 0;
  }
  EXPECT_EQ(done, 1U);
}

TEST_F(WorkerCluster, AWorkerThatIsAskedToStopGetsNoNewReplicas) {
  boot(1, 2);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  world_->run_for(1s);  // The point is linked: there is something to write a checkpoint of.
  const Address holder = leader();
  const std::string name = holder.text.substr(0, holder.text.find(':'));
  // Its last checkpoint waits for a disk that hangs, long after the drain.
  world_->find_node(name)->disk().trouble().stall(world_->now() + 10s);
  stop_of(name).set();
  world_->run_for(2s);
  ASSERT_EQ(ends_, 0u);
  auto client = placement(0);
  const auto workers = await(client.list_workers(context(), wire::ListWorkersRequest()));
  ASSERT_TRUE(workers.has_value());
  for (const wire::WorkerStatus& worker : workers->workers) {
    EXPECT_EQ(worker.state, worker.address == holder.text ? wire::WorkerState::draining
                                                          : wire::WorkerState::ready);
  }
  wire::CreateCollectionRequest request;
  request.name = "films";
  request.dimension = 4;
  request.shards = 3;
  request.replication = 1;
  auto again = placement(0);
  const auto created = await(again.create_collection(context(10s), request));
  ASSERT_TRUE(created.has_value()) << created.error().to_string();
  EXPECT_TRUE(created->collection.ready);
  for (const auto& shard : created->collection.shards) {
    EXPECT_NE(shard.replicas[0].address, holder.text);
  }
}

TEST_F(WorkerCluster, APlacementLeaderThatIsAskedToStopHandsItsGroupOver) {
  boot(3, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  const Instant asked = world_->now();
  for (size_t i = 0; i < 3; ++i) {
    auto client = placement(i);
    const auto listed = await(client.list_collections(context(1s), {}));
    if (!listed.has_value()) continue;
    stop_of(fmt::format("placement-{}", i)).set();
    break;
  }
  ASSERT_TRUE(world_->run_until([this] { return ends_ == 1; }, world_->now() + 20s));
  EXPECT_TRUE(failures_.empty());
  size_t answers = 0;
  for (size_t i = 0; i < 3; ++i) {
    auto client = placement(i);
    const auto listed = await(client.list_collections(context(300ms), {}));
    answers += listed.has_value() ? 1 : 0;
  }
  EXPECT_EQ(answers, 1U);
  EXPECT_LT(world_->now() - asked, 3s);
}

TEST_F(WorkerCluster, AWorkerWithoutPeersStopsWhenItsWorkIsDone) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  stop_of("worker-0").set();
  EXPECT_TRUE(world_->run_until([this] { return ends_ == 1; }, world_->now() + 500ms));
  EXPECT_TRUE(failures_.empty());
}

TEST_F(WorkerCluster, WorkersKeepTheirReplicasWhenThePlacementStateBeginsAnew) {
  boot(1, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  SimNode& placement_node = *world_->find_node("placement-0");
  placement_node.crash(CrashKind::power_loss);
  world_->run_for(1s);
  placement_node.lose_disk();  // It has nobody to ask, and is made anew under the same cluster id.
  start_placement(placement_node, 0);
  // Two of the three are started again, too; a worker without replicas is all that it may use.
  for (size_t i = 0; i < 2; ++i) {
    SimNode& node = *world_->find_node(fmt::format("worker-{}", i));
    node.crash(CrashKind::power_loss);
    world_->run_for(1s);
    start_worker(node, i);
  }
  start_worker(world_->add_node("worker-3"), 3);
  world_->run_for(5s);
  const auto created = create(4, 1);
  ASSERT_TRUE(created.has_value()) << created.error().to_string();
  for (const wire::ShardStatus& shard : created->collection.shards) {
    EXPECT_EQ(shard.replicas[0].node_id, 103U);
  }
  world_->run_for(30s);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(folders(i).size(), 1U) << "of worker " << i;
  EXPECT_EQ(folders(3).size(), 4U);
  // The two that started again ended with the reason; the one that had served goes on.
  ASSERT_EQ(failures_.size(), 2U);
  for (const Status& failure : failures_) EXPECT_EQ(failure.field(), "lineage");
}

TEST_F(WorkerCluster, ANodeReportsForNoWorkerButItself) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  auto client = placement(0);
  wire::HeartbeatRequest beat;
  beat.node_id = 100;
  const auto heard = await(client.heartbeat(context(), beat));
  ASSERT_FALSE(heard.has_value());
  EXPECT_EQ(heard.error().code(), Code::permission_denied);
  EXPECT_EQ(heard.error().field(), "node_id");
  wire::RegisterWorkerRequest registration;
  registration.node_id = 100;
  registration.address = "elsewhere:1";
  registration.incarnation = 1'000;
  const auto registered = await(client.register_worker(context(), registration));
  ASSERT_FALSE(registered.has_value());
  EXPECT_EQ(registered.error().code(), Code::permission_denied);
}

TEST_F(WorkerCluster, OrdersOfAnotherLineageAreRefused) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  const auto names = folders(0);
  ASSERT_EQ(names.size(), 1U);
  wire::AssignRequest stranger;
  stranger.revision = 1'000;
  stranger.folder_id = folder_id(0);
  stranger.lineage = 12'345;
  stranger.removed = {1};
  auto client = worker(Address{"worker-0:1"});
  const auto reply = await(client.assign(context(), stranger));
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().field(), "lineage");
  EXPECT_EQ(folders(0), names);
  EXPECT_TRUE(read(1)->points[0].found);
}

TEST_F(WorkerCluster, AWorkerThatLostItsDiskEndsWithTheReason) {
  boot(1, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  SimNode& node = *world_->find_node("worker-1");
  node.crash(CrashKind::power_loss);
  world_->run_for(1s);
  node.lose_disk();
  const size_t ready = ready_.size();
  start_worker(node, 1);
  world_->run_for(10s);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_EQ(failures_[0].code(), Code::failed_precondition);
  EXPECT_NE(failures_[0].message().find("give it a new node id"), std::string::npos);
  EXPECT_EQ(ready_.size(), ready);
  EXPECT_TRUE(write(1, {1, 1, 1, 1}).has_value());
}

TEST_F(WorkerCluster, NodesOfAnotherClusterEndWithTheReason) {
  boot(3, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ready_.clear();
  cluster_ = ClusterId(78);
  start_worker(world_->add_node("worker-7"), 7);
  members_.push_back({NodeId(9), Address{"placement-8:1"}});
  start_placement(world_->add_node("placement-8"), 3);
  world_->run_for(10s);
  ASSERT_EQ(failures_.size(), 2u);
  for (const Status& failure : failures_) {
    EXPECT_EQ(failure.code(), Code::failed_precondition) << failure.to_string();
    EXPECT_NE(failure.message().find("check the options cluster and placement"), std::string::npos)
        << failure.to_string();
  }
  EXPECT_TRUE(ready_.empty());
}

TEST_F(WorkerCluster, AWorkerIsReadyWhenThePlacementDriverKnowsIt) {
  boot(1, 0);
  world_->run_for(1s);
  world_->find_node("placement-0")->crash(CrashKind::process_kill);
  ready_.clear();
  start_worker(world_->add_node("worker-0"), 0);
  world_->run_for(30s);
  EXPECT_TRUE(ready_.empty());
  EXPECT_EQ(ends_, 0u);  // It waits: the placement driver may come back.
  start_placement(*world_->find_node("placement-0"), 0);
  ASSERT_TRUE(
      world_->run_until([this] { return ready_.contains("worker-0"); }, world_->now() + 10s));
  auto client = placement(0);
  const auto listed = await(client.list_workers(context(), {}));
  ASSERT_TRUE(listed.has_value()) << listed.error().to_string();
  ASSERT_EQ(listed->workers.size(), 1u);
  EXPECT_EQ(listed->workers[0].state, wire::WorkerState::ready);
}

Task<void> accept_and_be_silent(Env* env, Address address) {
  const auto listening = env->network().listen(address);
  VECTRON_ASSERT(listening.has_value());
  std::vector<std::unique_ptr<Connection>> kept;
  while (true) {
    auto accepted = co_await (*listening)->accept();
    if (accepted.has_value()) kept.push_back(*std::move(accepted));
  }
}

// An address that was mistyped may be that of another program, which waits for its own clients.
TEST_F(WorkerCluster, AWorkerSaysWithinThreeSecondsThatAPlacementNodeIsSilent) {
  std::vector<std::string> lines;
  sim::WorldConfig config;
  config.log_level = LogLevel::warning;
  config.log_sink = [&lines](const sim::LogLine& line) { lines.emplace_back(line.text); };
  boot(0, 0, std::move(config));
  members_.push_back({NodeId(1), Address{"placement-0:1"}});
  world_->add_node("placement-0").start([this](Env& env) {
    return accept_and_be_silent(&env, members_[0].address);
  });
  start_worker(world_->add_node("worker-0"), 0);
  world_->run_for(3s);
  EXPECT_THAT(lines, testing::Contains(testing::HasSubstr("the placement driver must take it")));
}

TEST_F(WorkerCluster, NodesThatWaitForOthersStopAtOnce) {
  boot(3, 1);
  world_->run_for(1s);
  for (const char* name : {"placement-0", "placement-1", "placement-2", "worker-0"}) {
    world_->find_node(name)->crash(CrashKind::power_loss);
  }
  world_->run_for(1s);
  // A new group needs all three of them.
  for (size_t i = 0; i < 2; ++i) {
    world_->find_node(fmt::format("placement-{}", i))->lose_disk();
    start_placement(*world_->find_node(fmt::format("placement-{}", i)), i);
  }
  start_worker(*world_->find_node("worker-0"), 0);
  world_->run_for(5s);
  ASSERT_EQ(ends_, 0u);
  const Instant asked = world_->now();
  for (const char* name : {"placement-0", "placement-1", "worker-0"}) stop_of(name).set();
  ASSERT_TRUE(world_->run_until([this] { return ends_ == 3; }, world_->now() + 10s));
  EXPECT_LT(world_->now() - asked, 400ms);
  EXPECT_TRUE(failures_.empty());
}

TEST_F(WorkerCluster, AWorkerThatLoadsItsShardsStopsAtOnce) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  SimNode& node = *world_->find_node("worker-0");
  node.crash(CrashKind::process_kill);
  world_->run_for(1s);
  node.disk().trouble().stall(world_->now() + 60s);
  start_worker(node, 0);
  world_->run_for(1s);
  const Instant asked = world_->now();
  stop_of("worker-0").set();
  ASSERT_TRUE(world_->run_until([this] { return ends_ == 1; }, world_->now() + 30s));
  EXPECT_LT(world_->now() - asked, 100ms);
  EXPECT_TRUE(failures_.empty());
  node.disk().trouble().heal();
  world_->run_for(1s);
  stop_of("worker-0").reset();
  ready_.clear();
  start_worker(node, 0);
  ASSERT_TRUE(
      world_->run_until([this] { return ready_.contains("worker-0"); }, world_->now() + 10s));
  const auto found = read(1);
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_TRUE(found->points[0].found);
}

TEST_F(WorkerCluster, CountsAreReportedAsSoonAsTheyChange) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  world_->run_for(1s);
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  ASSERT_TRUE(write(2, {2, 1, 1, 1}).has_value());
  world_->run_for(250ms);
  wire::GetCollectionStatusRequest request;
  request.name = "books";
  auto client = placement(0);
  const auto status = await(client.get_collection_status(context(1s), request));
  ASSERT_TRUE(status.has_value()) << status.error().to_string();
  EXPECT_EQ(status->collection.points, 2u);
}

// Each write changes the counts; the placement driver hears of it ten times a second at the most.
TEST_F(WorkerCluster, ReportsOfCountsAreBoundedInRate) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  world_->run_for(1s);
  const auto heard = [this] {
    return world_->find_node("placement-0")->env().metrics().value(Metric::rpc_requests);
  };
  // Not write(), which asks the placement driver for the leader.
  auto client = worker(leader());
  wire::WriteRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  request.operations.emplace_back().vector = {1, 1, 1, 1};
  const uint64_t before = heard();
  const Instant begin = world_->now();
  uint64_t writes = 0;
  while (world_->now() < begin + 3s) {
    request.operations[0].id.number = ++writes;
    ASSERT_TRUE(await(client.write(context(), request)).has_value());
    world_->run_for(5ms);
  }
  EXPECT_GT(writes, 100u);
  EXPECT_GE(heard() - before, 10u);
  EXPECT_LE(heard() - before, 32u);
}

TEST_F(WorkerCluster, ACollectionThatIsReadyAfterARestartHasItsCounts) {
  // A leader is elected a sync before it knows what is committed, and applies that.
  boot(1, 1, slow_disks());
  ASSERT_TRUE(create(1, 1).has_value());
  for (uint64_t id = 1; id <= 3; ++id) ASSERT_TRUE(write(id, {1, 1, 1, 1}).has_value());
  world_->find_node("worker-0")->crash(CrashKind::process_kill);
  world_->find_node("placement-0")->crash(CrashKind::process_kill);
  world_->run_for(1s);
  start_placement(*world_->find_node("placement-0"), 0);
  start_worker(*world_->find_node("worker-0"), 0);
  bool ready = false;
  while (!ready) {
    wire::GetCollectionStatusRequest request;
    request.name = "books";
    auto client = placement(0);
    const auto status = await(client.get_collection_status(context(1s), request));
    world_->run_for(1ms);
    if (!status.has_value() || !status->collection.ready) continue;
    ready = true;
    EXPECT_EQ(status->collection.points, 3u);
  }
}

TEST_F(WorkerCluster, ACollectionIsMadeWithoutWaitingForTheNextReport) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  world_->run_for(1s);
  for (int i = 0; i < 5; ++i) {
    wire::CreateCollectionRequest request;
    request.name = fmt::format("films-{}", i);
    request.dimension = 4;
    request.shards = 1;
    request.replication = 1;
    const Instant asked = world_->now();
    auto client = placement(0);
    const auto created = await(client.create_collection(context(10s), request));
    ASSERT_TRUE(created.has_value()) << created.error().to_string();
    EXPECT_TRUE(created->collection.ready);
    EXPECT_LT(world_->now() - asked, 60ms);
  }
}

TEST_F(WorkerCluster, AWorkerReportsWhileItMakesManyCopies) {
  boot(1, 1, slow_disks());
  constexpr uint32_t kShards = 64;
  ASSERT_TRUE(create(kShards, 1).has_value());
  const Instant asked = world_->now();
  bool ready = false;
  while (!ready && world_->now() < asked + 120s) {
    world_->run_for(500ms);
    auto client = placement(0);
    const auto workers = await(client.list_workers(context(), wire::ListWorkersRequest()));
    ASSERT_TRUE(workers.has_value()) << workers.error().to_string();
    EXPECT_EQ(workers->workers.at(0).state, wire::WorkerState::ready);
    ready = workers->workers.at(0).leaders == kShards;
  }
  EXPECT_TRUE(ready);
  EXPECT_EQ(folders(0).size(), kShards);
  // It took longer than a worker may be silent.
  EXPECT_GT(world_->now() - asked, PlacementConfig().worker_silence_max);
}

/// A collection of one shard.
wire::CreateCollectionRequest three_copies() {
  wire::CreateCollectionRequest request;
  request.name = "films";
  request.dimension = 4;
  request.shards = 1;
  request.replication = 3;
  return request;
}

// A leader that is new has not heard of a worker that may come back. It chooses among the others
// after half of the time for that, though the request itself could not wait much longer.
TEST_F(WorkerCluster, ACollectionWaitsForASilentWorkerAsLongAsItMay) {
  boot(1, 4);
  ASSERT_TRUE(create(1, 1).has_value());
  world_->find_node("worker-3")->crash(CrashKind::process_kill);
  SimNode& node = *world_->find_node("placement-0");
  node.crash(CrashKind::process_kill);
  start_placement(node, 0);
  world_->run_for(2s);
  const Instant asked = world_->now();
  auto client = placement(0);
  const auto created = await(client.create_collection(context(5s), three_copies()));
  EXPECT_TRUE(created.has_value()) << created.error().to_string();
  EXPECT_GE(world_->now() - asked, PlacementConfig().create_wait / 2);
}

TEST_F(WorkerCluster, TooFewWorkersAreToldSoon) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  const Instant asked = world_->now();
  auto client = placement(0);
  const auto created = await(client.create_collection(context(30s), three_copies()));
  EXPECT_EQ(status_of(created).code(), Code::failed_precondition);
  EXPECT_LT(world_->now() - asked, 1s);
}

TEST_F(WorkerCluster, ALateBirthForALostFolderIsRefused) {
  boot(1, 3);
  world_->run_for(2s);
  SimNode& node = *world_->find_node("worker-1");
  node.crash(CrashKind::power_loss);
  world_->run_for(1s);
  node.lose_disk();
  start_worker(node, 1);  // It held nothing, and may come back with another folder.
  world_->run_for(5s);
  ASSERT_TRUE(failures_.empty());
  // What a placement leader sent when the collection was new, and the network kept until now.
  wire::AssignRequest late;
  late.revision = 1'000;
  late.folder_id = 12'345;
  late.assignments.resize(1);
  late.assignments[0].replica_id = 2;
  late.assignments[0].shard.shard_id = 1;
  late.assignments[0].shard.dimension = 4;
  late.assignments[0].bootstrap = true;
  late.assignments[0].members = {{2, 101, "worker-1:1"}};
  auto client = worker(Address{"worker-1:1"});
  const auto reply = await(client.assign(context(), late));
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().field(), "folder_id");
  ASSERT_TRUE(create(1, 3).has_value());
  EXPECT_TRUE(write(2, {1, 1, 1, 1}).has_value());
}

}  // namespace
}  // namespace vectron
