// Collections that are removed: their data goes from every worker, whatever stands in its way.
#include "schemas/storage_messages.h"
#include "tests/services/worker/worker_cluster.h"

namespace vectron {
namespace {

using sim::CrashKind;
using sim::SimNode;

TEST_F(WorkerCluster, ARemovedCollectionLeavesNothingOnAnyWorkerAndItsNameIsFree) {
  boot(3, 3);
  ASSERT_TRUE(create(2, 3).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  EXPECT_EQ(folders(0).size(), 2u);
  const Address old_leader = leader();
  const auto removed = remove_collection(1);
  EXPECT_EQ(removed.id, 1u);
  EXPECT_TRUE(removed.complete);
  EXPECT_TRUE(world_->run_until([&] { return no_folders(3); }, world_->now() + 20s));
  wire::ReadRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  request.ids.resize(1);
  request.ids[0].number = 5;
  auto client = worker(old_leader);
  EXPECT_EQ(status_of(await(client.read(context(), request))).code(), Code::not_found);

  const auto again = create(1, 3);
  ASSERT_TRUE(again.has_value()) << again.error().to_string();
  EXPECT_EQ(again->collection.id, 2u);
  EXPECT_EQ(again->collection.shards[0].shard_id, 3u);
  EXPECT_GT(again->collection.shards[0].replicas[0].replica_id, 6u);
  EXPECT_EQ(again->collection.points, 0u);
  EXPECT_TRUE(remove_collection(1).complete);
  EXPECT_TRUE(leader().text.starts_with("worker-"));
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

/// Orders to worker-0, which holds replica 1 of shard 1, by the placement state that gave it out.
wire::AssignRequest orders(SimNode& node, uint64_t folder, uint64_t revision) {
  constexpr size_t kManifestHeaderBytes = 16;
  const auto file = node.disk().content("replicas/1/replica.manifest");
  VECTRON_ASSERT(file.has_value());
  const auto manifest =
      decode<stored::ReplicaManifest>(ByteView(*file).subspan(kManifestHeaderBytes));
  VECTRON_ASSERT(manifest.has_value());
  wire::AssignRequest request;
  request.folder_id = folder;
  request.lineage = manifest->lineage;
  request.revision = revision;
  return request;
}

// What the network kept until now: the replica that it removes may be a younger one's by then.
TEST_F(WorkerCluster, OrdersThatAreOlderThanWhatWasCarriedOutRemoveNothing) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  wire::AssignRequest late = orders(*world_->find_node("worker-0"), folder_id(0), 0);
  late.removed = {1};
  auto client = worker(Address{"worker-0:1"});
  const auto reply = await(client.assign(context(), late));
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().field(), "revision");
  world_->run_for(5s);
  EXPECT_EQ(folders(0).size(), 1u);
  EXPECT_TRUE(read(5)->points[0].found);
}

// While the old one goes, its group's log is not free for another.
TEST_F(WorkerCluster, AnotherCopyOfAGroupWaitsForTheRemovalOfTheOneBefore) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  wire::AssignRequest request = orders(*world_->find_node("worker-0"), folder_id(0), 1'000);
  request.removed = {1};
  request.assignments.resize(1);
  wire::Assignment& assignment = request.assignments[0];
  assignment.replica_id = 9;
  assignment.shard.shard_id = 1;
  assignment.shard.collection_id = 1;
  assignment.shard.hash_high = UINT64_MAX;
  assignment.shard.dimension = 4;
  assignment.bootstrap = true;
  assignment.members = {{9, 100, "worker-0:1"}};
  auto client = worker(Address{"worker-0:1"});
  for (const uint64_t revision : {1'000, 1'001}) {
    request.revision = revision;
    const auto reply = await(client.assign(context(), request));
    ASSERT_TRUE(reply.has_value()) << reply.error().to_string();
    for (const wire::ReplicaReport& report : reply->replicas) EXPECT_FALSE(report.lost);
    world_->run_for(2s);
  }
  EXPECT_EQ(folders(0), std::vector<std::string>{"9"});
}

TEST_F(WorkerCluster, ARemovalFreesAFullDiskAndKeepsNothingElseWaiting) {
  wal_reserve_bytes_ = 0;  // No room for the tombstone.
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  SimNode& node = *world_->find_node("worker-0");
  node.disk().trouble().fill_up(world_->now() + 40s);
  EXPECT_FALSE(remove_collection(1, 1s).complete);
  // Its data goes first; what is left names it until a tombstone is durable, which needs space.
  const auto is_empty = [&] {
    const auto names = node.disk().list("replicas/1");
    return names.has_value() && *names == std::vector<std::string>{"replica.removed"};
  };
  EXPECT_TRUE(world_->run_until(is_empty, world_->now() + 5s));
  world_->run_for(25s);
  EXPECT_EQ(folders(0).size(), 1u);
  // Heartbeats went on all the while, and so would other orders.
  auto client = placement(0);
  const auto workers = await(client.list_workers(context(), wire::ListWorkersRequest()));
  ASSERT_TRUE(workers.has_value());
  EXPECT_EQ(workers->workers[0].state, wire::WorkerState::ready);
  world_->run_for(20s);
  EXPECT_TRUE(no_folders(1));
  EXPECT_TRUE(remove_collection(1).complete);
  EXPECT_TRUE(create(1, 1).has_value());
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

TEST_F(WorkerCluster, ARemovalThatLosesPowerOnAFullDiskIsMadeGood) {
  wal_reserve_bytes_ = 0;  // No room for the tombstone.
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  SimNode& node = *world_->find_node("worker-0");
  node.disk().trouble().fill_up(world_->now() + 20s);
  EXPECT_FALSE(remove_collection(1, 1s).complete);
  world_->run_for(3s);
  node.crash(CrashKind::power_loss);
  node.disk().trouble().heal();
  world_->run_for(100ms);
  start_worker(node, 0);
  EXPECT_TRUE(world_->run_until([&] { return no_folders(1); }, world_->now() + 20s));
  EXPECT_TRUE(remove_collection(1, 20s).complete);
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

TEST_F(WorkerCluster, AWorkerThatWasAwayRemovesItsDataWhenItComesBack) {
  boot(1, 3);
  ASSERT_TRUE(create(2, 3).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  SimNode& away = *world_->find_node("worker-2");
  away.crash(CrashKind::power_loss);
  world_->run_for(100ms);
  // Two of three are enough: the third alone acknowledges nothing.
  EXPECT_TRUE(remove_collection(1).complete);
  EXPECT_TRUE(world_->run_until([&] { return no_folders(2); }, world_->now() + 20s));
  EXPECT_EQ(folders(2).size(), 2u);
  start_worker(away, 2);
  EXPECT_TRUE(world_->run_until([&] { return no_folders(3); }, world_->now() + 20s));
  // And it stays so over a restart.
  away.crash(CrashKind::power_loss);
  world_->run_for(100ms);
  start_worker(away, 2);
  world_->run_for(5s);
  EXPECT_TRUE(no_folders(3));
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

TEST_F(WorkerCluster, ARemovalIsNotCompleteWhileAQuorumIsAway) {
  boot(1, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  for (const char* name : {"worker-1", "worker-2"}) {
    world_->find_node(name)->crash(CrashKind::process_kill);
  }
  world_->run_for(100ms);
  EXPECT_FALSE(remove_collection(1, 2s).complete);
  start_worker(*world_->find_node("worker-1"), 1);
  EXPECT_TRUE(remove_collection(1, 20s).complete);
}

// Who asks is not kept waiting for workers that are known to be down; what they hold goes when they
// come back.
TEST_F(WorkerCluster, ARemovalDoesNotWaitForWorkersThatAreDown) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  SimNode& node = *world_->find_node("worker-0");
  node.crash(CrashKind::process_kill);
  world_->run_for(1s);
  Instant asked = world_->now();
  wire::DeleteCollectionReply reply = remove_collection(1, 4s);
  EXPECT_FALSE(reply.complete);
  EXPECT_FALSE(reply.absent);  // It may be slow only.
  EXPECT_GE(world_->now() - asked, 1s);
  world_->run_for(20s);
  asked = world_->now();
  reply = remove_collection(1, 30s);
  EXPECT_FALSE(reply.complete);
  EXPECT_TRUE(reply.absent);
  EXPECT_LT(world_->now() - asked, 1s);
  start_worker(node, 0);
  EXPECT_TRUE(world_->run_until([&] { return no_folders(1); }, world_->now() + 20s));
  EXPECT_TRUE(remove_collection(1, 30s).complete);
}

TEST_F(WorkerCluster, ARemovalThatAPowerLossCutsShortIsMadeGood) {
  boot(1, 1);
  for (int round = 0; round < 12; ++round) {
    const auto created = create(2, 1);
    ASSERT_TRUE(created.has_value()) << created.error().to_string();
    SimNode& node = *world_->find_node("worker-0");
    wire::DeleteCollectionRequest request;
    request.name = "books";
    request.id = created->collection.id;
    auto client = placement(0);
    client_->tasks().spawn([](Task<Result<wire::DeleteCollectionReply>> task) -> Task<void> {
      const auto reply = co_await task;
      (void)reply;
    }(client.delete_collection(context(1s), request)));
    world_->run_for(Duration(3ms) * round);
    node.crash(CrashKind::power_loss);
    world_->run_for(50ms);
    start_worker(node, 0);
    EXPECT_TRUE(remove_collection(created->collection.id, 20s).complete);
    EXPECT_TRUE(world_->run_until([&] { return no_folders(1); }, world_->now() + 20s)) << round;
  }
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

}  // namespace
}  // namespace vectron
