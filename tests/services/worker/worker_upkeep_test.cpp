// What a worker does for its indexes: checkpoints, rebuilds, and its budget of memory.
#include "tests/services/worker/worker_cluster.h"

namespace vectron {
namespace {

using sim::CrashKind;
using sim::SimNode;

TEST_F(WorkerCluster, TakesUpItsGraphAfterAPowerLossAndAddsTheDifference) {
  upkeep_.check_interval = 100ms;
  upkeep_.checkpoint_idle = 1s;
  upkeep_.checkpoint_pause_min = 0s;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  for (uint64_t id = 0; id < 60; ++id) {
    ASSERT_TRUE(write(id, {static_cast<float>(id), 1, 1, 1}).has_value());
  }
  SimNode& node = *world_->find_node("worker-0");
  const auto metric = [&](Metric metric) { return node.env().metrics().value(metric); };
  const bool written = world_->run_until(
      [&] { return metric(Metric::worker_checkpoints_written) > 0; }, world_->now() + 20s);
  ASSERT_TRUE(written);
  ASSERT_TRUE(write(60, {60, 1, 1, 1}).has_value());
  ASSERT_TRUE(write(7, {700, 1, 1, 1}).has_value());
  ASSERT_TRUE(write(8, {}, true).has_value());
  node.crash(CrashKind::power_loss);
  world_->run_for(1s);
  start_worker(node, 0);
  world_->run_for(3s);
  const auto hits = search({0, 1, 1, 1}, 100);
  ASSERT_TRUE(hits.has_value()) << hits.error().to_string();
  EXPECT_EQ(metric(Metric::worker_indexes_restored), 1u);
  ASSERT_EQ(hits->hits.size(), 60u);
  EXPECT_EQ(hits->hits.back().id.number, 7u);
  EXPECT_EQ(hits->hits.back().distance, 490000.0F);
  const auto from_graph = std::ranges::count(hits->hits, false, &wire::ShardHit::from_tail);
  EXPECT_GE(from_graph, 58) << "what the checkpoint covers is not learnt again";
  for (const wire::ShardHit& hit : hits->hits) EXPECT_NE(hit.id.number, 8u);
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

TEST_F(WorkerCluster, LearnsTheGraphAnewWhenTheCheckpointIsDamaged) {
  upkeep_.check_interval = 100ms;
  upkeep_.checkpoint_idle = 500ms;
  upkeep_.checkpoint_pause_min = 3600s;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  for (uint64_t id = 0; id < 30; ++id) {
    ASSERT_TRUE(write(id, {static_cast<float>(id), 1, 1, 1}).has_value());
  }
  SimNode& node = *world_->find_node("worker-0");
  const auto metric = [&](Metric metric) { return node.env().metrics().value(metric); };
  const bool written = world_->run_until(
      [&] { return metric(Metric::worker_checkpoints_written) > 0; }, world_->now() + 20s);
  ASSERT_TRUE(written);
  const auto flip = [](Env* env) -> Task<Result<void>> {
    auto names = co_await env->disk().list("replicas");
    VECTRON_CO_CHECK_OK(names);
    const std::string path = fmt::format("replicas/{}/graph-1.checkpoint", names->front());
    auto opened = co_await env->disk().open(path, OpenMode::read_write);
    VECTRON_CO_TRY(const std::unique_ptr<File> file, opened);
    Bytes byte(1);
    const auto read = co_await file->read_at(200, byte);
    VECTRON_CO_CHECK_OK(read);
    byte[0] ^= 4;
    auto changed = co_await file->write_at(200, byte);
    co_return changed;
  };
  ASSERT_TRUE(await(flip(&node.env())).has_value());
  node.crash(CrashKind::process_kill);
  world_->run_for(1s);
  start_worker(node, 0);
  world_->run_for(3s);
  const auto hits = search({0, 1, 1, 1}, 100);
  ASSERT_TRUE(hits.has_value()) << hits.error().to_string();
  EXPECT_EQ(hits->hits.size(), 30u);
  EXPECT_EQ(metric(Metric::worker_checkpoints_refused), 1u);
  EXPECT_EQ(metric(Metric::worker_indexes_learnt), 1u);
}

TEST_F(WorkerCluster, WritesACheckpointWhenItIsToldToStop) {
  upkeep_.checkpoint_idle = 3600s;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  for (uint64_t id = 0; id < 20; ++id) {
    ASSERT_TRUE(write(id, {static_cast<float>(id), 1, 1, 1}).has_value());
  }
  SimNode& node = *world_->find_node("worker-0");
  ASSERT_EQ(node.env().metrics().value(Metric::worker_checkpoints_written), 0u);
  stop_of("worker-0").set();
  const bool ended = world_->run_until([&] { return !node.running(); }, world_->now() + 30s);
  ASSERT_TRUE(ended);
  stop_of("worker-0").reset();
  start_worker(node, 0);
  world_->run_for(3s);
  world_->run_for(3s);
  ASSERT_TRUE(read(1).has_value());
  EXPECT_EQ(node.env().metrics().value(Metric::worker_indexes_restored), 1u);
}

// Groups of near copies leave points behind that no link leads to.
TEST_F(WorkerCluster, MendsItsGraphOnceNothingChangesAnyMore) {
  upkeep_.check_interval = 100ms;
  upkeep_.checkpoint_idle = 2s;
  upkeep_.rebuild_tombstones_min = 1'000'000;
  m_ = 2;
  RandomStream random(1, "near copies");
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  SimNode& node = *world_->find_node("worker-0");
  const auto mended = [&] { return node.env().metrics().value(Metric::worker_graph_nodes_mended); };
  for (uint64_t id = 0; id < 400; ++id) {
    std::vector<float> vector(4, static_cast<float>(id / 100));
    for (float& component : vector) component += 1e-4F * random.unit_float();
    ASSERT_TRUE(write(id, vector).has_value());
  }
  world_->run_for(10s);
  EXPECT_GE(mended(), 1u);
  const uint64_t first = mended();
  world_->run_for(30s);
  EXPECT_EQ(mended(), first) << "it looks again only when the graph has grown";
  EXPECT_EQ(node.env().metrics().value(Metric::worker_graph_nodes_unreachable), 0u);
}

// Short vectors are nobody's neighbours there, and need not be.
TEST_F(WorkerCluster, CountsWhatNothingLeadsToUnderDotAndMendsNothing) {
  upkeep_.check_interval = 100ms;
  upkeep_.checkpoint_idle = 2s;
  m_ = 2;
  dimension_ = 6;
  distance_ = wire::Distance::dot;
  RandomStream random(1, "lengths");
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  const Metrics& metrics = world_->find_node("worker-0")->env().metrics();
  EXPECT_EQ(metrics.value(Metric::worker_graph_nodes_unreachable), 0u);
  for (uint64_t id = 0; id < 200; ++id) {
    std::vector<float> vector(dimension_);
    const float length = random.unit_float();
    for (float& component : vector) component = length * random.unit_float();
    ASSERT_TRUE(write(id, vector).has_value());
  }
  world_->run_for(10s);
  EXPECT_GT(metrics.value(Metric::worker_graph_nodes_unreachable), 20u);
  EXPECT_EQ(metrics.value(Metric::worker_graph_nodes_mended), 0u);
}

TEST_F(WorkerCluster, BuildsItsIndexAnewWhenTombstonesPileUp) {
  upkeep_.check_interval = 50ms;
  upkeep_.rebuild_tombstones_min = 40;
  upkeep_.rebuild_tombstones_ppm = 600'000;
  upkeep_.rebuild_slice_points = 3;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  SimNode& node = *world_->find_node("worker-0");
  for (uint64_t i = 0; i < 300; ++i) {
    const auto value = static_cast<float>(i);
    ASSERT_TRUE(write(i % 20, {value, 1, 1, 1}).has_value());
    const auto hits = search({value, 1, 1, 1}, 1);
    ASSERT_TRUE(hits.has_value()) << hits.error().to_string();
    ASSERT_EQ(hits->hits[0].id.number, i % 20);
    ASSERT_EQ(hits->hits[0].distance, 0.0F);
  }
  EXPECT_GE(node.env().metrics().value(Metric::worker_rebuilds), 2u);
  const auto hits = search({0, 1, 1, 1}, 100);
  ASSERT_TRUE(hits.has_value());
  EXPECT_EQ(hits->hits.size(), 20u);
}

TEST_F(WorkerCluster, AShardHasAGraphOnceItHasPointsEnoughAndLosesItWithThem) {
  upkeep_.check_interval = 50ms;
  upkeep_.rebuild_tombstones_min = 25;
  upkeep_.rebuild_tombstones_ppm = 600'000;
  graph_points_min_ = 30;
  index_linger_ = 10ms;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  SimNode& node = *world_->find_node("worker-0");
  const auto in_graph = [&] {
    world_->run_for(1s);
    const auto found = search({0, 1, 1, 1}, 100);
    VECTRON_ASSERT(found.has_value());
    return std::ranges::count(found->hits, false, &wire::ShardHit::from_tail);
  };
  const auto put = [&](uint64_t id) {
    ASSERT_TRUE(write(id, {static_cast<float>(id), 1, 1, 1}).has_value());
  };
  for (uint64_t id = 0; id < 29; ++id) put(id);
  EXPECT_EQ(in_graph(), 0) << "comparing 29 is cheaper than walking";
  put(29);
  EXPECT_EQ(in_graph(), 30);
  for (uint64_t id = 10; id < 30; ++id) ASSERT_TRUE(write(id, {}, true).has_value());
  for (uint64_t id = 0; id < 5; ++id) put(id);
  EXPECT_EQ(in_graph(), 0) << "10 points are left, and 25 tombstones of 35 call for a rebuild";
  EXPECT_EQ(node.env().metrics().value(Metric::worker_rebuilds), 1u);
  EXPECT_EQ(search({0, 1, 1, 1}, 100)->hits.size(), 10u);
}

TEST_F(WorkerCluster, WritesNoCheckpointOfAShardWithoutAGraph) {
  upkeep_.check_interval = 50ms;
  upkeep_.checkpoint_points_min = 1;
  upkeep_.checkpoint_pause_min = 0s;
  graph_points_min_ = 10;
  index_linger_ = 10ms;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  const auto written = [&] {
    world_->run_for(3s);
    const auto& metrics = world_->find_node("worker-0")->env().metrics();
    return metrics.value(Metric::worker_checkpoints_written);
  };
  for (uint64_t id = 0; id < 9; ++id) ASSERT_TRUE(write(id, {1, 2, 3, 4}).has_value());
  EXPECT_EQ(written(), 0u);
  ASSERT_TRUE(write(9, {1, 2, 3, 4}).has_value());
  EXPECT_GE(written(), 1u);
}

TEST_F(WorkerCluster, RefusesWritesAtItsBudgetOfMemoryAndServesAllElse) {
  memory_bytes_max_ = 200'000;
  upkeep_.check_interval = 50ms;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  uint64_t written = 0;
  Result<wire::WriteReply> last = fail(Code::internal, "none");
  do {
    last = write(written, {static_cast<float>(written), 1, 1, 1});
    if (last.has_value()) ++written;
  } while (last.has_value() && written < 5'000);
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().code(), Code::resource_exhausted);
  EXPECT_NE(last.error().message().find("memory_bytes_max"), std::string::npos);
  EXPECT_GE(written, 100u);
  const Metrics& metrics = world_->find_node("worker-0")->env().metrics();
  EXPECT_GE(metrics.value(Metric::worker_writes_refused_memory), 1u);
  EXPECT_GT(metrics.value(Metric::worker_memory_vectors), 0u);
  EXPECT_TRUE(read(0).has_value());
  EXPECT_TRUE(search({1, 1, 1, 1}, 10).has_value());
  // Removals are let in; what they leave is taken back by a rebuild, long before one is due.
  for (uint64_t id = 0; id < written / 2; ++id) {
    ASSERT_TRUE(write(id, {}, true).has_value());
  }
  world_->run_for(3s);
  EXPECT_GE(metrics.value(Metric::worker_rebuilds), 1u);
  const auto again = write(0, {1, 1, 1, 1});
  EXPECT_TRUE(again.has_value()) << again.error().to_string();
}

TEST_F(WorkerCluster, ALeaderRefusesWritesWhileTheWorkerOfAnotherCopyIsFull) {
  memory_bytes_max_ = 150'000;
  upkeep_.check_interval = 50ms;
  boot(1, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  // Whoever leads, another worker is the small one.
  const std::string holder = leader().text;
  size_t small = 0;
  while (holder.starts_with(fmt::format("worker-{}:", small))) ++small;
  memory_worker_ = small;
  for (size_t i = 0; i < 3; ++i) {
    SimNode& node = *world_->find_node(fmt::format("worker-{}", i));
    if (holder.starts_with(node.name())) continue;
    node.crash(CrashKind::process_kill);
    start_worker(node, i);
    world_->run_for(3s);
  }
  ASSERT_EQ(leader().text, holder);
  uint64_t written = 0;
  Result<wire::WriteReply> last = fail(Code::internal, "none");
  do {
    last = write(written, {static_cast<float>(written), 1, 1, 1});
    if (last.has_value()) ++written;
  } while (last.has_value() && written < 5'000);
  ASSERT_FALSE(last.has_value());
  EXPECT_EQ(last.error().code(), Code::resource_exhausted);
  EXPECT_NE(last.error().message().find("another copy"), std::string::npos);
  for (uint64_t id = 0; id < written / 2; ++id) {
    ASSERT_TRUE(write(id, {}, true).has_value());
  }
  world_->run_for(5s);
  EXPECT_TRUE(write(0, {1, 1, 1, 1}).has_value());
}

// The leader hears of a full follower through the placement driver. While that is away it goes on,
// and the room that the follower keeps free for a rebuild is used up as well.
TEST_F(WorkerCluster, AFollowerThatWasOverrunLearnsItsIndexAnew) {
  memory_bytes_max_ = 150'000;
  boot(1, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  const Address holder = leader();
  size_t small = 0;
  while (holder.text.starts_with(fmt::format("worker-{}:", small))) ++small;
  memory_worker_ = small;
  SimNode& node = *world_->find_node(fmt::format("worker-{}", small));
  node.crash(CrashKind::process_kill);
  start_worker(node, small);
  world_->run_for(3s);
  ASSERT_EQ(leader(), holder);
  SimNode& placement_node = *world_->find_node("placement-0");
  placement_node.crash(CrashKind::process_kill);

  constexpr uint64_t kPoints = 100;
  for (uint64_t round = 0; round < 50; ++round) {
    wire::WriteRequest request;
    request.shard_id = 1;
    request.epoch = 1;
    for (uint64_t id = 0; id < kPoints; ++id) {
      wire::WriteOperation& operation = request.operations.emplace_back();
      operation.id.number = id;
      operation.vector = {static_cast<float>(id), static_cast<float>(round), 1, 1};
    }
    auto client = worker(holder);
    ASSERT_TRUE(await(client.write(context(), std::move(request))).has_value());
  }
  world_->run_for(3s);
  const Metrics& metrics = node.env().metrics();
  const uint64_t held = metrics.value(Metric::worker_memory_vectors) +
                        metrics.value(Metric::worker_memory_points) +
                        metrics.value(Metric::worker_memory_links);
  EXPECT_LT(held, memory_bytes_max_ / 2);

  start_placement(placement_node, 0);
  world_->run_for(5s);
  EXPECT_TRUE(write(7, {7, 50, 1, 1}).has_value());
  wire::ShardSearchRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  request.vector = {7, 50, 1, 1};
  request.k = 2 * kPoints;
  request.read_level = wire::ReadLevel::eventual;
  auto client = worker(Address{fmt::format("worker-{}:1", small)});
  world_->run_for(1s);
  const auto hits = await(client.search(context(), request));
  ASSERT_TRUE(hits.has_value()) << hits.error().to_string();
  ASSERT_EQ(hits->hits.size(), kPoints);
  EXPECT_EQ(hits->hits[0].id.number, 7u);
  EXPECT_EQ(hits->hits[0].distance, 0.0F);
}

TEST_F(WorkerCluster, ARebuildThatWritesOutrunIsGivenUpAndTriedAgain) {
  upkeep_.check_interval = 10ms;
  upkeep_.rebuild_tombstones_min = 1;
  upkeep_.rebuild_tombstones_ppm = 1;
  upkeep_.rebuild_slice_points = 1;
  upkeep_.rebuild_growth_ppm_max = 1;  // Any write while it goes on.
  upkeep_.rebuild_pause_min = 300ms;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  for (uint64_t id = 0; id < 400; ++id) {
    ASSERT_TRUE(write(id, {static_cast<float>(id), 1, 1, 1}).has_value());
  }
  const Metrics& metrics = world_->find_node("worker-0")->env().metrics();
  for (uint64_t i = 0; i < 400; ++i) {
    ASSERT_TRUE(write(7, {static_cast<float>(i), 2, 1, 1}).has_value());
  }
  EXPECT_GE(metrics.value(Metric::worker_rebuilds_abandoned), 1u);
  world_->run_for(5s);
  EXPECT_GE(metrics.value(Metric::worker_rebuilds), 1u);
  const auto hits = search({0, 1, 1, 1}, 1'000);
  ASSERT_TRUE(hits.has_value());
  EXPECT_EQ(hits->hits.size(), 400u);
}

TEST_F(WorkerCluster, ACheckpointThatTheDiskHasNoRoomForLeavesNothingBehind) {
  upkeep_.check_interval = 50ms;
  upkeep_.checkpoint_idle = 100ms;
  upkeep_.checkpoint_bytes_per_second_max = 1'024;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  for (uint64_t id = 0; id < 60; ++id) {
    ASSERT_TRUE(write(id, {static_cast<float>(id), 1, 1, 1}).has_value());
  }
  SimNode& node = *world_->find_node("worker-0");
  const auto unfinished = [&] {
    const auto names = node.disk().list("replicas/1");
    return names.has_value() && std::ranges::any_of(*names, [](const std::string& name) {
             return name.starts_with("graph-") && name.ends_with(".new");
           });
  };
  ASSERT_TRUE(world_->run_until(unfinished, world_->now() + 10s));
  node.disk().trouble().fill_up(world_->now() + 60s);
  const auto failed = [&] {
    return node.env().metrics().value(Metric::worker_checkpoints_failed) > 0;
  };
  ASSERT_TRUE(world_->run_until(failed, world_->now() + 30s));
  EXPECT_FALSE(unfinished());
}

TEST_F(WorkerCluster, NoCheckpointIsBegunOnADiskThatIsNearlyFull) {
  upkeep_.check_interval = 50ms;
  upkeep_.checkpoint_idle = 100ms;
  upkeep_.checkpoint_free_bytes_min = uint64_t{1} << 40;  // More than the disk has.
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  SimNode& node = *world_->find_node("worker-0");
  world_->run_for(5s);
  EXPECT_EQ(node.env().metrics().value(Metric::worker_checkpoints_written), 0u);
  EXPECT_EQ(node.env().metrics().value(Metric::worker_checkpoints_failed), 1u);
}

TEST_F(WorkerCluster, ARemovalEndsACheckpointThatIsBeingWritten) {
  upkeep_.check_interval = 50ms;
  upkeep_.checkpoint_idle = 100ms;
  upkeep_.checkpoint_bytes_per_second_max = 1'024;
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  for (uint64_t id = 0; id < 200; ++id) {
    ASSERT_TRUE(write(id, {static_cast<float>(id), 1, 1, 1}).has_value());
  }
  world_->run_for(1s);
  const Metrics& metrics = world_->find_node("worker-0")->env().metrics();
  ASSERT_EQ(metrics.value(Metric::worker_checkpoints_written), 0u);
  EXPECT_TRUE(remove_collection(1).complete);
  EXPECT_EQ(metrics.value(Metric::worker_checkpoints_failed), 1u);
  world_->run_for(5s);
  EXPECT_TRUE(no_folders(1));
  EXPECT_TRUE(failures_.empty()) << failures_.front().to_string();
}

}  // namespace
}  // namespace vectron
