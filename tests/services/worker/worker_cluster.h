// Placement driver and workers together, in the simulated world without faults.
#pragma once

#include <gtest/gtest.h>

#include "core/async/combine.h"
#include "core/rpc/channel_pool.h"
#include "schemas/placement_rpc.h"
#include "schemas/storage_messages.h"
#include "schemas/worker_rpc.h"
#include "services/placement/placement_service.h"
#include "services/worker/worker_service.h"
#include "sim/world/world.h"

namespace vectron {

inline constexpr ClusterId kTestCluster{77};

class WorkerCluster : public testing::Test {
 protected:
  void boot(size_t placement_nodes, size_t worker_nodes, sim::WorldConfig config = {}) {
    config.fault_classes.add(sim::FaultClass::crash);
    world_ = std::make_unique<sim::SimWorld>(7, config);
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

  void start_placement(sim::SimNode& node, size_t i) {
    PlacementConfig config;
    config.cluster = cluster_;
    config.node = members_[i].node;
    config.listen = members_[i].address;
    config.members = members_;
    config.bootstrap = true;
    config.workers_max = workers_max_;
    config.replica.kv.map_bytes_max = 16 << 20;
    config.stop = &stop_of(fmt::format("placement-{}", i));
    config.on_ready = [this, i] { ready_.insert(fmt::format("placement-{}", i)); };
    node.start([this, config](Env& env) {
      return run<PlacementConfig>(&run_placement, &env, config, &failures_, &ends_);
    });
  }
  void start_worker(sim::SimNode& node, size_t i, int port = 1) {
    WorkerConfig config;
    config.cluster = cluster_;
    config.node = NodeId(100 + number_of_.value_or(i));
    config.listen = Address{fmt::format("worker-{}:{}", i, port)};
    for (const auto& member : members_) config.placement.push_back(member);
    config.replica.kv.map_bytes_max = 16 << 20;
    config.replica = replica_config_ ? *replica_config_ : config.replica;
    config.upkeep = upkeep_;
    config.memory_bytes_max = i == memory_worker_ ? memory_bytes_max_ : 0;
    config.peers = peer_bounds_;
    config.peers.watcher = peer_watcher_;
    config.wal.prefill_bytes = 0;  // A disk that is full is full for the log at once.
    config.graph_points_min = graph_points_min_;
    config.index_batch_points_max = index_batch_points_max_;
    config.index_linger = index_linger_;
    config.replicas_max = replicas_max_;
    config.replicas_open_max = replicas_open_max_;
    config.wal.reserve_bytes = wal_reserve_bytes_;
    config.stop = &stop_of(fmt::format("worker-{}", i));
    config.on_ready = [this, i] { ready_.insert(fmt::format("worker-{}", i)); };
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
        request.dimension = dimension_;
        request.distance = distance_;
        request.shards = shards;
        request.replication = replication;
        request.index.m = m_;
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
    operation.payload = {3, 4, 1};  // A FlexBuffer: a number of one byte;
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

  std::unique_ptr<sim::SimWorld> world_;
  std::vector<GroupMember> members_;
  sim::SimNode* client_ = nullptr;
  std::unique_ptr<rpc::ChannelPool> pool_;
  std::vector<Status> failures_;
  /// Services that returned.
  size_t ends_ = 0;
  /// Nodes that said that they are.
  std::set<std::string> ready_;
  ClusterId cluster_ = kTestCluster;
  std::map<std::string, std::unique_ptr<Event>> stops_;
  std::optional<ReplicaConfig> replica_config_;
  UpkeepConfig upkeep_;
  uint64_t memory_bytes_max_ = 0;
  /// Which worker has that bound.
  size_t memory_worker_ = 0;
  /// Of the workers' servers.
  rpc::PeerBounds peer_bounds_;
  /// Who watches the workers' servers.
  PeerWatcher* peer_watcher_ = nullptr;
  uint32_t index_batch_points_max_ = 8;
  Duration index_linger_ = 200ms;
  uint32_t graph_points_min_ = 0;
  // Of the collection.
  uint32_t m_ = 16;
  uint32_t dimension_ = 4;
  wire::Distance distance_ = wire::Distance::euclidean;
  /// A worker that starts has the number of that one.
  std::optional<size_t> number_of_;
  uint64_t replicas_max_ = 0;
  uint64_t replicas_open_max_ = 0;
  size_t workers_max_ = kWorkersMax;  // Of the placement driver.
  uint64_t wal_reserve_bytes_ = WalConfig().reserve_bytes;
};

}  // namespace vectron
