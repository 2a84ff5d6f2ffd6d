// A worker that is short of something, or has one replica that does not start, goes on with what it
// has.
#include "core/base/hash.h"
#include "core/replica/small_file.h"
#include "tests/services/worker/worker_cluster.h"

#include <gmock/gmock.h>

namespace vectron {
namespace {

using sim::CrashKind;
using sim::SimNode;

TEST_F(WorkerCluster, AWorkerStartsOnAFullDiskAgainAndAgainAndServesWhenThereIsSpace) {
  sim::WorldConfig config;
  config.fault_classes.add(sim::FaultClass::disk_full);
  boot(1, 1, config);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  SimNode& node = *world_->find_node("worker-0");
  node.disk().trouble().fill_up(world_->now() + 60s);
  // Each start is counted: a node that forgot one would be refused.
  for (int round = 0; round < 3; ++round) {
    node.crash(round == 0 ? CrashKind::power_loss : CrashKind::process_kill);
    world_->run_for(100ms);
    start_worker(node, 0);
    world_->run_for(3s);
    ASSERT_TRUE(failures_.empty()) << failures_.front().to_string();
  }
  world_->run_for(60s);
  const auto found = read(5);
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_TRUE(found->points[0].found);
  EXPECT_TRUE(write(6, {1, 2, 3, 4}).has_value());
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

// What is kept of the disk for votes is enough for a leader at each start, so there are reads.
TEST_F(WorkerCluster, AWorkerThatStartsOnAFullDiskServesReadsRefusesWritesAndTakesThemLater) {
  sim::WorldConfig config;
  config.fault_classes.add(sim::FaultClass::disk_full);
  boot(1, 3, config);
  ASSERT_TRUE(create(1, 3).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  world_->run_for(2s);
  const auto workers = {0, 1, 2};
  for (const int i : workers) {
    world_->find_node(fmt::format("worker-{}", i))->disk().trouble().fill_up(world_->now() + 60s);
  }
  for (int round = 0; round < 3; ++round) {
    for (const int i : workers) {
      SimNode& node = *world_->find_node(fmt::format("worker-{}", i));
      node.crash(round == 0 ? CrashKind::power_loss : CrashKind::process_kill);
    }
    world_->run_for(100ms);
    for (const int i : workers) {
      start_worker(*world_->find_node(fmt::format("worker-{}", i)), static_cast<size_t>(i));
    }
    world_->run_for(4s);
    const auto found = read(5);
    ASSERT_TRUE(found.has_value()) << round << ": " << found.error().to_string();
    EXPECT_TRUE(found->points[0].found);
    EXPECT_EQ(status_of(write(6, {1, 2, 3, 4})).code(), Code::resource_exhausted) << round;
  }
  world_->run_for(60s);
  EXPECT_TRUE(write(6, {1, 2, 3, 4}).has_value());
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

// A start that fails half-way is tried again with all that the log has of the replica.
TEST_F(WorkerCluster, AReplicaThatFindsNoDescriptorStartsLater) {
  sim::WorldConfig config;
  config.fault_classes.add(sim::FaultClass::descriptors);
  boot(1, 1, config);
  SimNode& node = *world_->find_node("worker-0");
  world_->run_for(2s);
  for (int round = 0; round < 6; ++round) {
    wire::CreateCollectionRequest request;
    request.name = fmt::format("books-{}", round);
    request.dimension = 4;
    request.shards = 4;
    request.replication = 1;
    auto client = placement(0);
    // Births and starts meet it, each at another place.
    node.disk().trouble().run_out_of_descriptors(world_->now() + 1500ms);
    ASSERT_TRUE(await(client.create_collection(context(20s), request)).has_value());
  }
  world_->run_for(10s);
  for (int round = 0; round < 6; ++round) {
    wire::GetCollectionStatusRequest request;
    request.name = fmt::format("books-{}", round);
    auto client = placement(0);
    const auto status = await(client.get_collection_status(context(5s), request));
    ASSERT_TRUE(status.has_value()) << status.error().to_string();
    EXPECT_TRUE(status->collection.ready) << round;
  }
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

// Without descriptors no second file can be made, but the disk has room: so the only copy is not
// written over, where an I/O error would leave half of it.
TEST_F(WorkerCluster, ASmallFileIsOldOrNewWhateverRunsOut) {
  sim::WorldConfig config;
  config.fault_classes.add(sim::FaultClass::descriptors);
  config.fault_classes.add(sim::FaultClass::io_error);
  boot(1, 1, config);
  SimNode& node = *client_;  // Nothing else uses its disk.
  const Bytes before(100, 1);
  const Bytes after(100, 2);
  for (int round = 0; round < 60; ++round) {
    ASSERT_TRUE(await(write_small_file(&node.env().disk(), "", "small", before)).has_value());
    node.disk().trouble().run_out_of_descriptors(world_->now() + 100ms);
    node.disk().trouble().fail_writes(1);
    (void)await(write_small_file(&node.env().disk(), "", "small", after));
    node.disk().trouble().heal();
    world_->run_for(200ms);
    const Bytes content = *node.disk().content("small");
    ASSERT_TRUE(content == before || content == after) << round;
  }
}

TEST_F(WorkerCluster, OnAFullDiskASmallFileOfAnotherSizeStaysAsItIs) {
  sim::WorldConfig config;
  config.fault_classes.add(sim::FaultClass::disk_full);
  boot(1, 1, config);
  SimNode& node = *client_;
  const Bytes before(100, 1);
  ASSERT_TRUE(await(write_small_file(&node.env().disk(), "", "small", before)).has_value());
  node.disk().trouble().fill_up(world_->now() + 10s);
  const auto longer = await(write_small_file(&node.env().disk(), "", "small", Bytes(101, 2)));
  EXPECT_EQ(status_of(longer).code(), Code::resource_exhausted);
  const auto shorter = await(write_small_file(&node.env().disk(), "", "small", Bytes(99, 3)));
  EXPECT_EQ(status_of(shorter).code(), Code::resource_exhausted);
  EXPECT_EQ(*node.disk().content("small"), before);
  // One of the same size is written in its place, and is durable.
  const auto same = await(write_small_file(&node.env().disk(), "", "small", Bytes(100, 4)));
  ASSERT_TRUE(same.has_value()) << same.error().to_string();
  node.crash(CrashKind::power_loss);
  world_->run_for(100ms);
  EXPECT_EQ(*node.disk().content("small"), Bytes(100, 4));
}

// A device that gives up in the middle of writing over the only copy leaves it whole all the same.
TEST_F(WorkerCluster, OnAFullDiskASmallFileIsOldOrNewWhateverTheDeviceRefuses) {
  sim::WorldConfig config;
  for (const auto fault : {sim::FaultClass::disk_full, sim::FaultClass::io_error,
                           sim::FaultClass::sync_failure, sim::FaultClass::lost_unsynced}) {
    config.fault_classes.add(fault);
  }
  boot(1, 1, config);
  SimNode& node = *client_;
  const Bytes before(100, 1);
  const Bytes after(100, 2);
  for (uint32_t refusals = 1; refusals <= 3; ++refusals) {
    for (const bool syncs : {false, true}) {
      ASSERT_TRUE(await(write_small_file(&node.env().disk(), "", "small", before)).has_value());
      node.disk().trouble().fill_up(world_->now() + 1s);
      if (syncs) {
        node.disk().trouble().fail_syncs(refusals);
      } else {
        node.disk().trouble().fail_writes(refusals);
      }
      const auto written = await(write_small_file(&node.env().disk(), "", "small", after));
      EXPECT_EQ(status_of(written).code(), Code::data_loss) << refusals;
      EXPECT_EQ(*node.disk().content("small"), before) << refusals << syncs;
      node.disk().trouble().heal();
      node.crash(CrashKind::power_loss);
      world_->run_for(100ms);
      EXPECT_EQ(*node.disk().content("small"), before) << refusals << syncs;
      node.start();
    }
  }
}

// Nobody names for removal what no worker ever reported.
TEST_F(WorkerCluster, WhatABirthWithoutDescriptorsLeftGoesWithItsCollection) {
  sim::WorldConfig config;
  config.fault_classes.add(sim::FaultClass::descriptors);
  boot(1, 1, config);
  world_->run_for(2s);
  SimNode& node = *world_->find_node("worker-0");
  node.disk().trouble().run_out_of_descriptors(world_->now() + 30s);
  const auto created = create(1, 1);
  ASSERT_TRUE(created.has_value()) << created.error().to_string();
  world_->run_for(5s);
  ASSERT_FALSE(folders(0).empty()) << "a birth began and went no further";
  remove_collection(created->collection.id);
  world_->run_for(40s);
  EXPECT_TRUE(folders(0).empty());
  // And nothing stands in the way of what comes next.
  ASSERT_TRUE(create(1, 1).has_value());
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

/// The marker of a store of a version that does not exist yet.
Bytes newer_marker(Bytes marker) {
  constexpr size_t kVersionAt = 8;
  marker[kVersionAt] = 99;
  const uint64_t checksum = checksum64(ByteView(marker).first(marker.size() - sizeof(uint64_t)));
  std::memcpy(marker.data() + marker.size() - sizeof(checksum), &checksum, sizeof(checksum));
  return marker;
}

TEST_F(WorkerCluster, AReplicaThatDoesNotStartKeepsNoOtherFromItAndCanBeRemoved) {
  boot(1, 1);
  ASSERT_TRUE(create(2, 1).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  SimNode& node = *world_->find_node("worker-0");
  world_->run_for(2s);
  node.crash(CrashKind::process_kill);
  world_->run_for(100ms);
  const std::string marker = "replicas/2/generation-1/FORMAT";
  const Bytes good = *node.disk().content(marker);
  auto file = *node.disk().open_file(marker, sim::SimDisk::Creation::never);
  file->image.write(0, newer_marker(good));
  start_worker(node, 0);
  world_->run_for(3s);
  ASSERT_TRUE(failures_.empty()) << failures_.front().to_string();
  wire::ReadRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  request.ids.resize(1);
  request.ids[0].number = 5;
  auto client = worker(Address{"worker-0:1"});
  const auto found = await(client.read(context(), request));
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  request.shard_id = 2;
  EXPECT_FALSE(await(client.read(context(), request)).has_value());
  // It is tried again: what was in the way may go.
  file->image.write(0, good);
  const auto starts = [&] { return await(client.read(context(), request)).has_value(); };
  for (int round = 0; round < 20 && !starts(); ++round) world_->run_for(1s);
  EXPECT_TRUE(starts());
  node.crash(CrashKind::process_kill);
  world_->run_for(100ms);
  file->image.write(0, newer_marker(good));
  file.reset();
  start_worker(node, 0);
  world_->run_for(3s);
  EXPECT_TRUE(remove_collection(1, 20s).complete);
  EXPECT_TRUE(world_->run_until([&] { return no_folders(1); }, world_->now() + 20s));
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

TEST_F(WorkerCluster, AWorkerIsReadyWhenOneOfItsCopiesServes) {
  boot(1, 1);
  ASSERT_TRUE(create(2, 1).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  SimNode& node = *world_->find_node("worker-0");
  world_->run_for(2s);
  node.crash(CrashKind::process_kill);
  world_->run_for(100ms);
  const std::string marker = "replicas/2/generation-1/FORMAT";
  auto file = *node.disk().open_file(marker, sim::SimDisk::Creation::never);
  file->image.write(0, newer_marker(*node.disk().content(marker)));
  file.reset();
  ready_.clear();
  start_worker(node, 0);
  EXPECT_TRUE(
      world_->run_until([this] { return ready_.contains("worker-0"); }, world_->now() + 10s));
}

TEST_F(WorkerCluster, AWorkerIsNotReadyWhileNoneOfItsCopiesRuns) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  SimNode& node = *world_->find_node("worker-0");
  world_->run_for(2s);
  node.crash(CrashKind::process_kill);
  world_->run_for(100ms);
  const std::string marker = "replicas/1/generation-1/FORMAT";
  const Bytes good = *node.disk().content(marker);
  auto file = *node.disk().open_file(marker, sim::SimDisk::Creation::never);
  file->image.write(0, newer_marker(good));
  ready_.clear();
  start_worker(node, 0);
  world_->run_for(20s);
  EXPECT_FALSE(ready_.contains("worker-0"));
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
  file->image.write(0, good);
  file.reset();
  EXPECT_TRUE(
      world_->run_until([this] { return ready_.contains("worker-0"); }, world_->now() + 20s));
  EXPECT_TRUE(read(5)->points[0].found);
}

// Its folder was filled under a higher limit.
TEST_F(WorkerCluster, AWorkerOpensNoMoreCopiesThanItHasDescriptorsFor) {
  boot(1, 1);
  ASSERT_TRUE(create(2, 1).has_value());
  wire::CreateCollectionRequest more;
  more.name = "more";
  more.dimension = 4;
  more.shards = 2;
  more.replication = 1;
  auto client = placement(0);
  ASSERT_TRUE(await(client.create_collection(context(20s), more)).has_value());
  world_->run_for(2s);
  SimNode& node = *world_->find_node("worker-0");
  node.crash(CrashKind::process_kill);
  world_->run_for(100ms);
  replicas_open_max_ = 3;
  ready_.clear();
  start_worker(node, 0);
  EXPECT_TRUE(
      world_->run_until([this] { return ready_.contains("worker-0"); }, world_->now() + 10s));
  const auto read = [this](uint64_t shard) {
    wire::ReadRequest request;
    request.shard_id = shard;
    request.epoch = 1;
    request.ids.resize(1);
    request.ids[0].number = 5;
    auto asked = worker(Address{"worker-0:1"});
    return await(asked.read(context(), request));
  };
  const auto is_open = [&](uint64_t shard) { return read(shard).has_value(); };
  world_->run_for(20s);
  for (uint64_t shard = 1; shard <= 4; ++shard) EXPECT_EQ(is_open(shard), shard <= 3) << shard;
  const auto closed = read(4);
  EXPECT_EQ(status_of(closed).code(), Code::unavailable) << "another copy may be open";
  EXPECT_THAT(status_of(closed).message(), testing::HasSubstr("ulimit -n"));
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
  // Where others go, it comes.
  EXPECT_TRUE(remove_collection(1, 20s).complete);
  for (int round = 0; round < 20 && !is_open(4); ++round) world_->run_for(1s);
  EXPECT_TRUE(is_open(4));
}

TEST_F(WorkerCluster, CollectionsThatAreMadeAtOnceShareTheRoomThatThereIs) {
  replicas_max_ = 3;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  using Reply = Result<wire::CreateCollectionReply>;
  std::array<std::optional<Reply>, 3> replies;
  auto client = placement(0);
  for (size_t i = 0; i < replies.size(); ++i) {
    wire::CreateCollectionRequest request;
    request.name = fmt::format("more-{}", i);
    request.dimension = 4;
    request.shards = 2;
    request.replication = 1;
    client_->tasks().spawn(store(client.create_collection(context(20s), request), &replies[i]));
  }
  const auto all_are_answered = [&] {
    return std::ranges::all_of(replies, [](const auto& reply) { return reply.has_value(); });
  };
  ASSERT_TRUE(world_->run_until(all_are_answered, world_->now() + 30s));
  EXPECT_EQ(std::ranges::count_if(replies, [](const auto& reply) { return reply->has_value(); }),
            1);
  for (const auto& reply : replies) {
    if (reply->has_value()) continue;
    EXPECT_EQ(reply->error().code(), Code::resource_exhausted) << reply->error().to_string();
  }
}

TEST_F(WorkerCluster, ACollectionThatItsWorkersCannotHoldIsRefusedWithTheReason) {
  replicas_max_ = 3;
  boot(1, 1);
  ASSERT_TRUE(create(2, 1).has_value());
  wire::CreateCollectionRequest request;
  request.name = "more";
  request.dimension = 4;
  request.shards = 2;
  request.replication = 1;
  auto client = placement(0);
  const auto refused = await(client.create_collection(context(20s), request));
  EXPECT_EQ(status_of(refused).code(), Code::resource_exhausted);
  EXPECT_EQ(status_of(refused).field(), "shards");
  EXPECT_THAT(status_of(refused).message(), testing::HasSubstr("can hold 1 more"));
  request.shards = 1;
  EXPECT_TRUE(await(client.create_collection(context(20s), request)).has_value());
}

}  // namespace
}  // namespace vectron
