#include "services/daemon/local_cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/client/client.h"

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

Task<void> wake_when(Event* event, Condition* condition) {
  co_await event->wait();
  condition->notify_all();
}

}  // namespace

LocalCluster::LocalCluster(Ground ground, Disk* disk, Settings settings)
    : ground_(ground),
      disk_(disk),
      settings_(std::move(settings)),
      changed_(ground.loop->scheduler()) {}

LocalCluster::~LocalCluster() {
  // A node's Env goes before those that were started earlier, as its links did.
  while (!nodes_.empty()) nodes_.pop_back();
}

Task<Result<void>> LocalCluster::run(Event* stop, std::function<void(ReadyAddresses)> ready) {
  // The first identity of a new folder comes from the system's entropy, by way of an Env's streams.
  Result<RoleNode*> placement = add_node("placement-1");
  VECTRON_CO_CHECK_OK(placement);
  RandomStream entropy = (*placement)->env().random("cluster id");
  const ClusterId fresh(std::max<uint64_t>(entropy.next(), 1));
  Result<void> outcome = co_await start(fresh);
  if (outcome.has_value()) {
    ready({nodes_.back()->rpc(), nodes_.back()->http()});
    TaskGroup forward(ground_.loop->scheduler());
    forward.spawn(wake_when(stop, &changed_));
    while (!stop->is_set() && failure().ok()) {
      co_await changed_.wait();
    }
    const Status failed = failure();
    if (!failed.ok()) outcome = fail(failed);
  }
  co_await stop_all();
  co_return outcome;
}

Status LocalCluster::failure() const {
  for (const auto& node : nodes_) {
    const Status status = node->failure();
    if (!status.ok()) return status;
  }
  return {};
}

Task<Result<void>> LocalCluster::start(ClusterId fresh) {
  auto folder = co_await open_data_folder(disk_, settings_.workers, fresh);
  VECTRON_CO_TRY(folder_, folder);
  auto placement = co_await start_placement();
  VECTRON_CO_CHECK_OK(placement);
  for (uint32_t number = 0; number < settings_.workers; ++number) {
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

Settings LocalCluster::node_settings(NodeId node, Address listen) const {
  Settings settings = settings_;
  settings.cluster = folder_.cluster;
  settings.node = node;
  settings.rpc = std::move(listen);
  settings.http.reset();
  settings.members = {{kPlacementNode, kPlacementAddress}};
  settings.bootstrap = !folder_.bootstrapped;
  // They stop after the gateway, with nothing in flight, and all go: there is nobody to hand over
  // to.
  settings.drain_max = Duration(0);
  return settings;
}

Task<Result<void>> LocalCluster::start_placement() {
  PlacementConfig config = placement_config(node_settings(kPlacementNode, kPlacementAddress));
  Result<void> started = co_await nodes_.front()->start(std::move(config), std::nullopt);
  co_return started;
}

Task<Result<void>> LocalCluster::start_worker(uint32_t number) {
  Result<RoleNode*> added = add_node(worker_name(number));
  VECTRON_CO_TRY(RoleNode * node, added);
  Address listen{"@" + node->name() + ":1"};
  WorkerConfig config = worker_config(
      node_settings(NodeId(kFirstWorkerNode + number), std::move(listen)), settings_.workers);
  // One process is one failure domain in truth; calling each worker a host of its own lets copies
  // be tried out here.
  config.host = node->name();
  Result<void> started = co_await node->start(std::move(config), std::nullopt);
  co_return started;
}

Task<Result<void>> LocalCluster::start_gateway() {
  Result<RoleNode*> added = add_node("gateway-1");
  VECTRON_CO_TRY(RoleNode * node, added);
  GatewayConfig config = gateway_config(node_settings(kGatewayNode, settings_.rpc));
  config.drain_timeout = settings_.drain_max;
  config.incarnation = folder_.starts;
  config.http_listen = settings_.http;
  for (const auto& other : nodes_) {
    if (other.get() != node) config.metrics_beside.push_back(&other->env().metrics());
  }
  Result<void> started = co_await node->start(std::move(config));
  co_return started;
}

// Usable: the placement driver has a leader, and so has every shard of every collection.
Task<Result<void>> LocalCluster::wait_until_usable() {
  RoleNode* gateway = nodes_.back().get();
  ClientConfig config;
  config.gateways = {gateway->rpc()};
  Client client(gateway->env(), config);
  while (true) {
    const Status failed = failure();
    if (!failed.ok()) co_return fail(failed);
    auto listed = co_await client.list_collections();
    const bool usable =
        listed.has_value() &&
        std::all_of(listed->collections.begin(), listed->collections.end(),
                    [](const api::CollectionStatus& collection) { return collection.ready; });
    if (usable) co_return Result<void>();
    co_await gateway->env().clock().sleep_for(kUsablePollInterval);
  }
}

Task<Result<void>> LocalCluster::mark_bootstrapped() {
  if (folder_.bootstrapped) co_return Result<void>();
  folder_.bootstrapped = true;
  Result<void> stored = co_await store_data_folder(disk_, folder_);
  co_return stored;
}

Task<void> LocalCluster::stop_all() {
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    const Result<void> ended = co_await (*node)->stop();
    if (!ended.has_value()) {
      (*node)->env().log().error("up", "{}", ended.error().to_string());
    }
  }
}

Result<RoleNode*> LocalCluster::add_node(const std::string& name) {
  VECTRON_TRY(auto node, RoleNode::open(ground_, name, settings_.data + "/" + name, &changed_));
  nodes_.push_back(std::move(node));
  return nodes_.back().get();
}

}  // namespace vectron
