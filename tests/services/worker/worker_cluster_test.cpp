// Placement driver and workers together, in the simulated world without faults: the shortest way
// through all that a write, a read and a search pass, and through restarts of every node.
#include <gtest/gtest.h>

#include "core/async/combine.h"
#include "core/model/point_id.h"
#include "core/rpc/channel_pool.h"
#include "schemas/placement_rpc.h"
#include "schemas/storage_messages.h"
#include "schemas/worker_rpc.h"
#include "services/placement/placement_service.h"
#include "services/worker/worker_service.h"
#include "sim/world/world.h"

namespace vectron {
namespace {

using sim::CrashKind;
using sim::SimNode;
using sim::SimWorld;

constexpr ClusterId kCluster{77};

class WorkerCluster : public testing::Test {
 protected:
  void boot(size_t placement_nodes, size_t worker_nodes, sim::WorldConfig config = {}) {
    config.fault_classes.add(sim::FaultClass::crash);
    world_ = std::make_unique<SimWorld>(7, config);
    for (size_t i = 0; i < placement_nodes; ++i) {
      members_.push_back({NodeId(i + 1), Address{fmt::format("placement-{}:1", i)}});
    }
    for (size_t i = 0; i < placement_nodes; ++i) {
      start_placement(world_->add_node(fmt::format("placement-{}", i)), i);
    }
    for (size_t i = 0; i < worker_nodes; ++i) {
      start_worker(world_->add_node(fmt::format("worker-{}", i)), i);
    }
    client_ = &world_->add_node("client");
    client_->start();
    pool_ = std::make_unique<rpc::ChannelPool>(client_->env(), rpc::ClientConfig());
  }
  void TearDown() override {
    pool_.reset();
    world_.reset();
  }

  void start_placement(SimNode& node, size_t i) {
    PlacementConfig config;
    config.cluster = kCluster;
    config.node = members_[i].node;
    config.listen = members_[i].address;
    config.members = members_;
    config.bootstrap = true;
    config.replica.kv.map_bytes_max = 16 << 20;
    config.stop = &stop_of(fmt::format("placement-{}", i));
    node.start([this, config](Env& env) {
      return run<PlacementConfig>(&run_placement, &env, config, &failures_, &ends_);
    });
  }
  void start_worker(SimNode& node, size_t i, int port = 1) {
    WorkerConfig config;
    config.cluster = kCluster;
    config.node = NodeId(100 + i);
    config.listen = Address{fmt::format("worker-{}:{}", i, port)};
    for (const auto& member : members_) config.placement.push_back(member.address);
    config.replica.kv.map_bytes_max = 16 << 20;
    config.replica = replica_config_ ? *replica_config_ : config.replica;
    config.upkeep = upkeep_;
    config.memory_bytes_max = i == memory_worker_ ? memory_bytes_max_ : 0;
    config.wal.prefill_bytes = 0;  // A disk that is full is full for the log at once.
    config.graph_points_min = graph_points_min_;
    config.index_batch_points_max = index_batch_points_max_;
    config.index_linger = index_linger_;
    config.stop = &stop_of(fmt::format("worker-{}", i));
    node.start([this, config](Env& env) {
      return run<WorkerConfig>(&run_worker, &env, config, &failures_, &ends_);
    });
  }
  Event& stop_of(const std::string& node) {
    auto& stop = stops_[node];
    if (stop == nullptr) stop = std::make_unique<Event>(world_->scheduler());
    return *stop;
  }
  template <typename Config>
  static Task<void> run(Task<Result<void>> (*service)(Env*, Config), Env* env, Config config,
                        std::vector<Status>* failures, size_t* ends) {
    const auto ended = co_await service(env, std::move(config));
    ++*ends;
    if (!ended.has_value()) failures->push_back(ended.error());
  }

  template <typename T>
  static Task<void> store(Task<T> task, std::optional<T>* out) {
    T value = co_await task;
    out->emplace(std::move(value));
  }
  /// Runs the world until `task` has ended.
  template <typename T>
  T await(Task<T> task) {
    std::optional<T> out;
    client_->tasks().spawn(store(std::move(task), &out));
    const bool done = world_->run_until([&out] { return out.has_value(); }, world_->now() + 120s);
    VECTRON_ASSERT(done, "the task did not end");
    return *std::move(out);
  }
  RequestContext context(Duration timeout = 5s) {
    RequestContext context;
    context.deadline = client_->env().clock().monotonic() + timeout;
    return context;
  }
  wire::PlacementClient placement(size_t i) {
    return wire::PlacementClient(pool_->channel(members_[i].address));
  }
  wire::WorkerClient worker(const Address& address) {
    return wire::WorkerClient(pool_->channel(address));
  }

  Result<wire::CreateCollectionReply> create(uint32_t shards, uint32_t replication) {
    Result<wire::CreateCollectionReply> reply = fail(Code::unavailable, "not tried");
    for (int round = 0; round < 50 && !reply.has_value(); ++round) {
      for (size_t i = 0; i < members_.size() && !reply.has_value(); ++i) {
        wire::CreateCollectionRequest request;
        request.name = "books";
        request.dimension = 4;
        request.distance = wire::Distance::euclidean;
        request.shards = shards;
        request.replication = replication;
        auto client = placement(i);
        reply = await(client.create_collection(context(10s), request));
      }
      world_->run_for(200ms);
    }
    return reply;
  }
  /// The leader's address of the only shard.
  Address leader() {
    for (int round = 0; round < 100; ++round) {
      for (size_t i = 0; i < members_.size(); ++i) {
        wire::GetCollectionStatusRequest request;
        request.name = "books";
        auto client = placement(i);
        const auto reply = await(client.get_collection_status(context(1s), request));
        if (!reply.has_value() || !reply->collection.ready) continue;
        const wire::ShardStatus& shard = reply->collection.shards.front();
        for (const auto& replica : shard.replicas) {
          if (replica.node_id == shard.leader_node) return Address{replica.address};
        }
      }
      world_->run_for(200ms);
    }
    ADD_FAILURE() << "no leader";
    return {};
  }
  Result<wire::WriteReply> write(uint64_t id, std::vector<float> vector, bool remove = false) {
    wire::WriteRequest request;
    request.shard_id = 1;
    request.epoch = 1;
    wire::WriteOperation operation;
    operation.kind = remove ? wire::WriteKind::remove : wire::WriteKind::upsert;
    operation.id.number = id;
    operation.vector = std::move(vector);
    operation.payload = {1, 2, 3};
    request.operations.push_back(operation);
    auto client = worker(leader());
    return await(client.write(context(), request));
  }
  Result<wire::WriteReply> write_once(uint64_t request_id, uint64_t id, float first) {
    wire::WriteRequest request;
    request.shard_id = 1;
    request.epoch = 1;
    request.request_id = request_id;
    wire::WriteOperation operation;
    operation.id.number = id;
    operation.vector = {first, 1, 1, 1};
    request.operations.push_back(operation);
    auto client = worker(leader());
    return await(client.write(context(), request));
  }
  /// Asks for the removal of collection `id` until it was done.
  wire::DeleteCollectionReply remove_collection(uint64_t id, Duration timeout = 4s) {
    for (int round = 0; round < 100; ++round) {
      for (size_t i = 0; i < members_.size(); ++i) {
        wire::DeleteCollectionRequest request;
        request.name = "books";
        request.id = id;
        auto client = placement(i);
        const auto reply = await(client.delete_collection(context(timeout), request));
        if (reply.has_value()) return *reply;
      }
      world_->run_for(100ms);
    }
    ADD_FAILURE() << "nobody removed the collection";
    return {};
  }
  /// The folders of replicas on a worker's disk.
  std::vector<std::string> folders(size_t i) {
    const auto names = world_->find_node(fmt::format("worker-{}", i))->disk().list("replicas");
    return names.has_value() ? *names : std::vector<std::string>();
  }
  uint64_t folder_id(size_t i) {
    constexpr size_t kManifestHeadBytes = 16;
    const auto bytes =
        world_->find_node(fmt::format("worker-{}", i))->disk().content("node.manifest");
    VECTRON_ASSERT(bytes.has_value());
    const auto manifest =
        decode<stored::NodeManifest>(ByteView(*bytes).subspan(kManifestHeadBytes));
    VECTRON_ASSERT(manifest.has_value());
    return manifest->folder_id;
  }
  bool no_folders(size_t workers) {
    for (size_t i = 0; i < workers; ++i) {
      if (!folders(i).empty()) return false;
    }
    return true;
  }
  Result<wire::ReadReply> read(uint64_t id) {
    wire::ReadRequest request;
    request.shard_id = 1;
    request.epoch = 1;
    request.ids.resize(1);
    request.ids[0].number = id;
    auto client = worker(leader());
    return await(client.read(context(), request));
  }
  Result<wire::ShardSearchReply> search(std::vector<float> vector, uint32_t k) {
    wire::ShardSearchRequest request;
    request.shard_id = 1;
    request.epoch = 1;
    request.vector = std::move(vector);
    request.k = k;
    request.include_payload = true;
    auto client = worker(leader());
    return await(client.search(context(), request));
  }

  std::unique_ptr<SimWorld> world_;
  std::vector<PlacementConfig::Member> members_;
  SimNode* client_ = nullptr;
  std::unique_ptr<rpc::ChannelPool> pool_;
  std::vector<Status> failures_;
  size_t ends_ = 0;  ///< Services that returned.
  std::map<std::string, std::unique_ptr<Event>> stops_;
  std::optional<ReplicaConfig> replica_config_;
  UpkeepConfig upkeep_;
  uint64_t memory_bytes_max_ = 0;
  size_t memory_worker_ = 0;  ///< Which worker has that bound.
  uint32_t index_batch_points_max_ = 8;
  Duration index_linger_ = 200ms;
  uint32_t graph_points_min_ = 0;
};

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
  EXPECT_EQ(hits->hits[0].payload, (Bytes{1, 2, 3}));
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
  world_->run_for(1s);
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

TEST_F(WorkerCluster, ARemovalFreesAFullDiskAndKeepsNothingElseWaiting) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  ASSERT_TRUE(write(5, {1, 2, 3, 4}).has_value());
  SimNode& node = *world_->find_node("worker-0");
  node.disk().trouble().fill_up(world_->now() + 40s);
  EXPECT_FALSE(remove_collection(1, 1s).complete);
  // Its data goes first; what is left names it until a tombstone is durable, which needs space.
  const auto is_empty = [&] {
    const auto names = node.disk().list("replicas/1");
    return names.has_value() && *names == std::vector<std::string>{"replica.manifest"};
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
  EXPECT_TRUE(failures_.empty());
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

TEST_F(WorkerCluster, AWorkerThatLostItsDiskIsRefusedAndSaysSoOnce) {
  std::vector<std::string> errors;
  sim::WorldConfig config;
  config.log_level = LogLevel::error;
  config.log_sink = [&errors](const sim::LogLine& line) { errors.emplace_back(line.text); };
  boot(1, 3, config);
  ASSERT_TRUE(create(1, 3).has_value());
  SimNode& node = *world_->find_node("worker-1");
  node.crash(CrashKind::power_loss);
  world_->run_for(1s);
  node.lose_disk();
  errors.clear();
  start_worker(node, 1);
  world_->run_for(10s);
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_NE(errors[0].find("give it a new node id"), std::string::npos) << errors[0];
}

TEST_F(WorkerCluster, ALateBirthForALostFolderIsRefused) {
  boot(1, 3);
  ASSERT_TRUE(create(1, 3).has_value());
  ASSERT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  SimNode& node = *world_->find_node("worker-1");
  node.crash(CrashKind::power_loss);
  world_->run_for(1s);
  node.lose_disk();
  start_worker(node, 1);
  world_->run_for(5s);
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
  EXPECT_TRUE(write(2, {1, 1, 1, 1}).has_value());
}

}  // namespace
}  // namespace vectron
