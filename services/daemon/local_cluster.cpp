#include "services/daemon/local_cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "core/async/combine.h"
#include "services/client/client.h"
#include "services/gateway/gateway_service.h"
#include "services/placement/placement_service.h"
#include "services/worker/worker_service.h"

namespace vectron {
namespace {

constexpr NodeId kPlacementNode{1};
constexpr NodeId kGatewayNode{2};
constexpr uint64_t kFirstWorkerNode = 101;
constexpr Duration kUsablePollInterval = 20ms;

const Address kPlacementAddress{"@placement-1:1"};

std::string worker_name(uint32_t number) {
  return fmt::format("worker-{}", number + 1);
}

bool failed(const Completion<Result<void>>& ended) {
  return ended.is_set() && !ended.get().has_value();
}

}  // namespace

LocalCluster::LocalCluster(LocalGround ground, UpConfig config)
    : ground_(ground),
      config_(std::move(config)),
      changed_(ground.loop->scheduler()),
      tasks_(ground.loop->scheduler()) {}

LocalCluster::~LocalCluster() {
  tasks_.cancel_all();
  // A node's Env goes before those that were started earlier, as its links did.
  while (!nodes_.empty()) nodes_.pop_back();
}

Task<Result<void>> LocalCluster::run(Event* stop) {
  // The first identity of a new folder comes from the system's entropy, by way of an Env's streams.
  Result<Node*> placement = add_node("placement-1");
  VECTRON_CO_CHECK_OK(placement);
  RandomStream entropy = (*placement)->env->random("cluster id");
  const ClusterId fresh(std::max<uint64_t>(entropy.next(), 1));
  Result<void> outcome = co_await start(fresh);
  if (outcome.has_value()) {
    const std::string http = config_.http.has_value() ? " http " + http_address_.text : "";
    fmt::print("vectron is ready: rpc {}{}\n", nodes_.back()->listening.get().text, http);
    std::fflush(stdout);
    const auto any_failed = [this] {
      return std::any_of(nodes_.begin(), nodes_.end(),
                         [](const auto& node) { return failed(node->ended); });
    };
    TaskGroup forward(ground_.loop->scheduler());
    const auto wake = [](Event* event, Condition* condition) -> Task<void> {
      co_await event->wait();
      condition->notify_all();
    };
    forward.spawn(wake(stop, &changed_));
    while (!stop->is_set() && !any_failed()) co_await changed_.wait();
  }
  for (const auto& node : nodes_) {
    if (outcome.has_value() && failed(node->ended)) {
      outcome = fail(node->ended.get().error().with_context(node->name));
    }
  }
  co_await stop_all();
  co_return outcome;
}

Task<Result<void>> LocalCluster::start(ClusterId fresh) {
  auto folder = co_await open_data_folder(ground_.disk, config_.workers, fresh);
  VECTRON_CO_TRY(folder_, folder);
  auto placement = co_await start_placement();
  VECTRON_CO_CHECK_OK(placement);
  for (uint32_t number = 0; number < config_.workers; ++number) {
    auto worker = co_await start_worker(number);
    VECTRON_CO_CHECK_OK(worker);
  }
  auto gateway = co_await start_gateway();
  VECTRON_CO_CHECK_OK(gateway);
  auto usable = co_await wait_until_usable();
  VECTRON_CO_CHECK_OK(usable);
  auto marked = co_await mark_bootstrapped();
  co_return marked;
}

Task<Result<void>> LocalCluster::start_placement() {
  Node* node = nodes_.front().get();
  PlacementConfig config;
  config.cluster = folder_.cluster;
  config.node = kPlacementNode;
  config.listen = kPlacementAddress;
  config.members = {{kPlacementNode, kPlacementAddress}};
  config.bootstrap = !folder_.bootstrapped;
  config.stop = &node->stop;
  config.on_listening = [node](const Address& address) { node->listening.set(address); };
  Result<void> launched = co_await launch(node, run_placement(node->env.get(), std::move(config)));
  co_return launched;
}

Task<Result<void>> LocalCluster::start_worker(uint32_t number) {
  Result<Node*> added = add_node(worker_name(number));
  VECTRON_CO_TRY(Node * node, added);
  WorkerConfig config;
  config.cluster = folder_.cluster;
  config.node = NodeId(kFirstWorkerNode + number);
  config.listen = Address{"@" + node->name + ":1"};
  config.placement = {kPlacementAddress};
  // One process is one failure domain in truth; calling each worker a host of its own lets copies
  // be tried out here.
  config.host = node->name;
  config.stop = &node->stop;
  config.on_listening = [node](const Address& address) { node->listening.set(address); };
  Result<void> launched = co_await launch(node, run_worker(node->env.get(), std::move(config)));
  co_return launched;
}

Task<Result<void>> LocalCluster::start_gateway() {
  Result<Node*> added = add_node("gateway-1");
  VECTRON_CO_TRY(Node * node, added);
  GatewayConfig config;
  config.cluster = folder_.cluster;
  config.node = kGatewayNode;
  config.incarnation = folder_.starts;
  config.listen = config_.rpc;
  config.http_listen = config_.http;
  config.on_http_listening = [this](const Address& address) { http_address_ = address; };
  config.placement = {kPlacementAddress};
  config.stop = &node->stop;
  config.on_listening = [node](const Address& address) { node->listening.set(address); };
  Result<void> launched = co_await launch(node, run_gateway(node->env.get(), std::move(config)));
  co_return launched;
}

// Usable: the placement driver has a leader, and so has every shard of every collection.
Task<Result<void>> LocalCluster::wait_until_usable() {
  Node* gateway = nodes_.back().get();
  ClientConfig config;
  config.gateways = {gateway->listening.get()};
  Client client(*gateway->env, config);
  while (true) {
    for (const auto& node : nodes_) {
      if (failed(node->ended)) co_return fail(node->ended.get().error().with_context(node->name));
    }
    auto listed = co_await client.list_collections();
    const bool usable =
        listed.has_value() &&
        std::all_of(listed->collections.begin(), listed->collections.end(),
                    [](const api::CollectionStatus& collection) { return collection.ready; });
    if (usable) co_return Result<void>();
    co_await gateway->env->clock().sleep_for(kUsablePollInterval);
  }
}

Task<Result<void>> LocalCluster::mark_bootstrapped() {
  if (folder_.bootstrapped) co_return Result<void>();
  folder_.bootstrapped = true;
  Result<void> stored = co_await store_data_folder(ground_.disk, folder_);
  co_return stored;
}

Task<void> LocalCluster::stop_all() {
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    if (!(*node)->launched) continue;
    (*node)->stop.set();
    co_await (*node)->ended.wait();
  }
}

Result<LocalCluster::Node*> LocalCluster::add_node(const std::string& name) {
  auto node = std::make_unique<Node>(name, ground_.loop->scheduler());
  ProductionEnvConfig config;
  config.node_name = name;
  config.root = config_.data + "/" + name;
  VECTRON_TRY(node->env, ProductionEnv::open(*ground_.loop, *ground_.pools, *ground_.network,
                                             *ground_.sink, config));
  nodes_.push_back(std::move(node));
  return nodes_.back().get();
}

Task<Result<void>> LocalCluster::launch(Node* node, Task<Result<void>> service) {
  node->launched = true;
  tasks_.spawn(watch(node, std::move(service)));
  const auto listens = [](Node* the_node, Condition* changed) -> Task<void> {
    co_await the_node->listening.wait();
    changed->notify_all();
  };
  TaskGroup forward(ground_.loop->scheduler());
  forward.spawn(listens(node, &changed_));
  while (!node->listening.is_set() && !node->ended.is_set()) co_await changed_.wait();
  if (failed(node->ended)) co_return fail(node->ended.get().error().with_context(node->name));
  co_return Result<void>();
}

Task<void> LocalCluster::watch(Node* node, Task<Result<void>> service) {
  Result<void> outcome = co_await service;
  node->ended.set(std::move(outcome));
  changed_.notify_all();
}

}  // namespace vectron
