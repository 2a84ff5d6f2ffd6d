// A gateway in virtual time among placement nodes and workers that do what a test tells them.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "core/async/combine.h"
#include "core/async/task_group.h"
#include "core/model/shard_map.h"
#include "core/rpc/channel_pool.h"
#include "core/rpc/server.h"
#include "net/in_process_network.h"
#include "schemas/placement_rpc.h"
#include "schemas/vectron_rpc.h"
#include "schemas/worker_rpc.h"
#include "services/gateway/gateway_service.h"
#include "services/gateway/merge.h"
#include "tests/support/memory_env.h"

namespace vectron::gateway {

/// Refusals that are given before a fake answers; shared by both fakes.
struct Script {
  /// One for each of the next calls.
  std::deque<Status> refusals;
  /// Calls are never answered.
  bool silent = false;
  uint64_t calls = 0;
};

inline Status not_leader(uint64_t node, std::string address = {}) {
  wire::ErrorDetail detail;
  detail.leader_node = node;
  detail.leader_address = std::move(address);
  return Status(Code::unavailable, "not the leader").with_detail(encode(detail));
}

/// Waits for ever when the script says so; otherwise the refusal of this call, or ok.
inline Task<Status> play(Env* env, Script* script) {
  ++script->calls;
  if (script->silent) {
    Event never(env->scheduler());
    co_await never.wait();
  }
  if (script->refusals.empty()) co_return Status();
  Status refusal = std::move(script->refusals.front());
  script->refusals.pop_front();
  co_return refusal;
}

class FakePlacement final : public wire::PlacementHandler {
 public:
  explicit FakePlacement(Env& env) : env_(env) {}

  Script script;
  std::map<std::string, wire::CollectionRoute> routes;
  wire::CreateCollectionRequest created;
  /// Collections whose routes were asked for.
  std::vector<std::string> routed;
  /// Ids, for each removal that was asked for.
  std::vector<uint64_t> deleted;
  /// So many are answered as not complete yet.
  int incomplete_deletes = 0;
  /// Those for want of which they are not.
  bool workers_are_down = false;

  Task<Result<wire::RegisterWorkerReply>> register_worker(RequestContext,
                                                          wire::RegisterWorkerRequest) override {
    co_return fail(Code::unimplemented, "fake");
  }
  Task<Result<wire::HeartbeatReply>> heartbeat(RequestContext, wire::HeartbeatRequest) override {
    co_return fail(Code::unimplemented, "fake");
  }
  Task<Result<wire::CreateCollectionReply>> create_collection(
      RequestContext, wire::CreateCollectionRequest request) override {
    const Status refusal = co_await play(&env_, &script);
    if (!refusal.ok()) co_return fail(refusal);
    created = request;
    wire::CreateCollectionReply reply;
    reply.collection.name = request.name;
    reply.collection.ready = true;
    co_return reply;
  }
  Task<Result<wire::DeleteCollectionReply>> delete_collection(
      RequestContext, wire::DeleteCollectionRequest request) override {
    const Status refusal = co_await play(&env_, &script);
    if (!refusal.ok()) co_return fail(refusal);
    const auto found = routes.find(request.name);
    if (found != routes.end() && found->second.id == request.id) routes.erase(found);
    deleted.push_back(request.id);
    wire::DeleteCollectionReply reply;
    reply.id = request.id;
    reply.complete = incomplete_deletes == 0;
    reply.absent = !reply.complete && workers_are_down;
    if (incomplete_deletes > 0) --incomplete_deletes;
    co_return reply;
  }
  Task<Result<wire::ListCollectionsReply>> list_collections(RequestContext,
                                                            wire::ListCollectionsRequest) override {
    const Status refusal = co_await play(&env_, &script);
    if (!refusal.ok()) co_return fail(refusal);
    wire::ListCollectionsReply reply;
    for (const auto& [name, route] : routes) reply.collections.emplace_back().name = name;
    co_return reply;
  }
  /// Not in the script: a gateway asks this by itself, to find the placement driver.
  Task<Result<wire::ListWorkersReply>> list_workers(RequestContext,
                                                    wire::ListWorkersRequest) override {
    wire::ListWorkersReply reply;
    wire::WorkerStatus& worker = reply.workers.emplace_back();
    worker.node_id = 7;
    worker.state = wire::WorkerState::down;
    worker.points = 12;
    co_return reply;
  }
  Task<Result<wire::GetCollectionReply>> get_collection(
      RequestContext, wire::GetCollectionRequest request) override {
    const Status refusal = co_await play(&env_, &script);
    if (!refusal.ok()) co_return fail(refusal);
    routed.push_back(request.name);
    const auto found = routes.find(request.name);
    if (found == routes.end()) co_return fail(Code::not_found, "unknown", "collection");
    wire::GetCollectionReply reply;
    reply.route = found->second;
    co_return reply;
  }
  Task<Result<wire::GetCollectionStatusReply>> get_collection_status(
      RequestContext, wire::GetCollectionStatusRequest) override {
    co_return fail(Code::not_found, "unknown", "collection");
  }

 private:
  Env& env_;
};

/// Keeps points of any shard in memory and searches them one by one under euclidean.
class FakeWorker final : public wire::WorkerHandler {
 public:
  explicit FakeWorker(Env& env) : env_(env) {}

  Script script;
  /// Requests with another one are refused.
  uint64_t epoch = 1;
  std::vector<wire::WriteRequest> writes;
  /// Shard, then number.
  std::map<uint64_t, std::map<uint64_t, wire::WriteOperation>> shards;
  uint64_t applied_index = 0;

  Task<Result<wire::WriteReply>> write(RequestContext, wire::WriteRequest request) override {
    const Status refusal = co_await admit(request.epoch);
    if (!refusal.ok()) co_return fail(refusal);
    wire::WriteReply reply;
    reply.shard_id = request.shard_id;
    reply.applied_index = ++applied_index;
    auto& points = shards[request.shard_id];
    for (const wire::WriteOperation& operation : request.operations) {
      reply.existed.push_back(points.erase(operation.id.number) > 0);
      if (operation.kind == wire::WriteKind::upsert) points[operation.id.number] = operation;
    }
    writes.push_back(std::move(request));
    co_return reply;
  }
  Task<Result<wire::ReadReply>> read(RequestContext, wire::ReadRequest request) override {
    const Status refusal = co_await admit(request.epoch);
    if (!refusal.ok()) co_return fail(refusal);
    wire::ReadReply reply;
    reply.shard_id = request.shard_id;
    reply.applied_index = applied_index;
    for (const wire::PointId& id : request.ids) {
      wire::PointRead& read = reply.points.emplace_back();
      read.id = id;
      const auto found = shards[request.shard_id].find(id.number);
      if (found == shards[request.shard_id].end()) continue;
      read.found = true;
      read.version = applied_index;
      read.vector = found->second.vector;
      read.payload = found->second.payload;
    }
    co_return reply;
  }
  Task<Result<wire::ShardSearchReply>> search(RequestContext,
                                              wire::ShardSearchRequest request) override {
    const Status refusal = co_await admit(request.epoch);
    if (!refusal.ok()) co_return fail(refusal);
    wire::ShardSearchReply reply;
    reply.shard_id = request.shard_id;
    reply.applied_index = applied_index;
    for (const auto& [number, operation] : shards[request.shard_id]) {
      wire::ShardHit& hit = reply.hits.emplace_back();
      hit.id = operation.id;
      for (size_t i = 0; i < request.vector.size(); ++i) {
        const float difference = request.vector[i] - operation.vector[i];
        hit.distance += difference * difference;
      }
    }
    std::sort(reply.hits.begin(), reply.hits.end(), comes_before);
    if (reply.hits.size() > request.k) reply.hits.resize(request.k);
    co_return reply;
  }
  Task<Result<wire::AssignReply>> assign(RequestContext, wire::AssignRequest) override {
    co_return fail(Code::unimplemented, "fake");
  }

 private:
  Task<Status> admit(uint64_t request_epoch) {
    const Status refusal = co_await play(&env_, &script);
    if (refusal.ok() && request_epoch != epoch) {
      co_return Status(Code::failed_precondition, "another epoch");
    }
    co_return refusal;
  }

  Env& env_;
};

/// Placement nodes "@placement-I:1" (node 100 + I), workers "@worker-I:1" (node 10 + I), one
/// gateway.
class FakeCluster {
 public:
  static constexpr uint32_t kDimension = 2;

  FakeCluster(size_t placement_nodes, size_t worker_nodes)
      : network_(env_.scheduler(), nullptr), stop_(env_.scheduler()), gateway_(env_.scheduler()) {
    env_.links = &network_;
    for (size_t i = 0; i < placement_nodes; ++i) {
      placement.push_back(std::make_unique<FakePlacement>(env_));
      wire::serve(add_server(placement_node(i)), *placement.back());
    }
    for (size_t i = 0; i < worker_nodes; ++i) {
      workers.push_back(std::make_unique<FakeWorker>(env_));
      wire::serve(add_server({NodeId(worker_node(i)), worker_address(i)}), *workers.back());
    }
    for (auto& [address, server] : servers_) {
      const Result<void> started = server->start(address);
      VECTRON_ASSERT(started.has_value());
    }
    config.cluster = ClusterId(1);
    config.node = NodeId(2);
    config.listen = Address{"@gateway:1"};
    for (size_t i = 0; i < placement_nodes; ++i) config.placement.push_back(placement_node(i));
    config.request_timeout = 2s;
    config.read_attempt_timeout = 200ms;
    config.stop = &stop_;
  }

  static Address placement_address(size_t i) {
    return Address{"@placement-" + std::to_string(i) + ":1"};
  }
  static rpc::NodeAddress placement_node(size_t i) {
    return {NodeId(100 + i), placement_address(i)};
  }
  static Address worker_address(size_t i) { return Address{"@worker-" + std::to_string(i) + ":1"}; }
  static uint64_t worker_node(size_t i) { return 10 + i; }
  /// Worker `i` comes back at another address, as which `process` answers there.
  Address come_back(size_t i, FakeWorker* process) {
    const Address address{"@worker-" + std::to_string(i) + ":2"};
    rpc::Server& server = add_server({NodeId(worker_node(i)), address});
    wire::serve(server, *process);
    const Result<void> started = server.start(address);
    VECTRON_ASSERT(started.has_value());
    return address;
  }

  /// A route with `shards` even ranges, ids from 1, each on all of `members` (numbers of workers).
  static wire::CollectionRoute route(std::string name, uint32_t shards,
                                     std::vector<std::vector<size_t>> members) {
    wire::CollectionRoute out;
    out.id = 5;
    out.name = std::move(name);
    out.dimension = kDimension;
    out.distance = wire::Distance::euclidean;
    out.epoch = 1;
    const std::vector<HashRange> ranges = split_evenly(shards);
    for (uint32_t i = 0; i < shards; ++i) {
      wire::ShardRoute& shard = out.shards.emplace_back();
      shard.shard_id = i + 1;
      shard.hash_low = ranges[i].low;
      shard.hash_high = ranges[i].high;
      for (const size_t worker : members[i % members.size()]) {
        shard.members.push_back({100 + worker, worker_node(worker), worker_address(worker).text});
      }
      shard.leader_node = shard.members[0].node_id;
    }
    return out;
  }
  void add_collection(const wire::CollectionRoute& route) {
    for (auto& node : placement) node->routes[route.name] = route;
  }

  /// Starts the gateway with `config` and returns a client of it.
  api::VectronClient client() {
    if (!started_) gateway_.spawn(keep(&outcome_, run_gateway(&env_, config)));
    started_ = true;
    return api::VectronClient(client_channels_.channel(config.listen));
  }
  template <typename T>
  T run(Task<T> task) {
    return env_.run(std::move(task));
  }
  MemoryEnv& env() { return env_; }
  void stop() { stop_.set(); }
  /// Empty while the gateway runs.
  const std::optional<Result<void>>& outcome() const { return outcome_; }

 private:
  MemoryEnv env_;
  InProcessNetwork network_;
  Event stop_;

 public:
  GatewayConfig config;
  std::vector<std::unique_ptr<FakePlacement>> placement;
  std::vector<std::unique_ptr<FakeWorker>> workers;

 private:
  static Task<void> keep(std::optional<Result<void>>* outcome, Task<Result<void>> task) {
    Result<void> result = co_await task;
    outcome->emplace(std::move(result));
  }
  rpc::Server& add_server(const rpc::NodeAddress& node) {
    rpc::ServerConfig server_config;
    server_config.identity.node = node.node;
    servers_.emplace_back(node.address, std::make_unique<rpc::Server>(env_, server_config));
    return *servers_.back().second;
  }

  std::vector<std::pair<Address, std::unique_ptr<rpc::Server>>> servers_;
  bool started_ = false;
  std::optional<Result<void>> outcome_;
  rpc::ChannelPool client_channels_{env_, rpc::ClientConfig()};
  TaskGroup gateway_;
};

}  // namespace vectron::gateway
