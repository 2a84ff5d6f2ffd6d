#include "services/daemon/local_cluster.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/async/unless_set.h"
#include "services/client/client.h"
#include "services/daemon/machine_share.h"
#include "services/daemon/role.h"
#include "services/daemon/usable.h"

namespace vectron {
namespace {

constexpr NodeId kPlacementNode{1};
constexpr NodeId kGatewayNode{2};
constexpr Duration kUsablePollInterval = 20ms;
/// How long a collection that should become ready is waited for while nothing moves: some
/// elections, and some heartbeats that would tell of it.
constexpr Duration kUsableStillMax = 20s;
constexpr Duration kQuietAtStart = 2s;
constexpr Duration kComplainInterval = 10s;

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
      changed_(ground.loop->scheduler()),
      usable_(ground.loop->scheduler()) {
  share_machine(settings_.workers, &settings_);
}

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
  auto starting = start(fresh);
  auto started = co_await unless_set(&ground_.loop->scheduler(), stop, std::move(starting));
  // Told to stop before it was ready: an orderly end.
  Result<void> outcome = started.value_or(Result<void>());
  if (started.has_value() && outcome.has_value()) {
    usable_.set();
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
    if (!status.ok() && !refused_.contains(node.get())) return status;
  }
  return {};
}

Task<Result<void>> LocalCluster::start(ClusterId fresh) {
  auto folder = co_await open_data_folder(disk_, settings_.workers, fresh);
  VECTRON_CO_TRY(folder_, folder);
  auto placement = co_await start_placement();
  VECTRON_CO_CHECK_OK(placement);
  auto workers = co_await start_workers();
  VECTRON_CO_CHECK_OK(workers);
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
  Runnable service(std::move(config), &run_placement);
  Result<void> started = co_await nodes_.front()->start(std::move(service), std::nullopt);
  co_return started;
}

// A worker that is refused (its folder was lost, say) keeps nobody from what the others hold.
Task<Result<void>> LocalCluster::start_workers() {
  for (uint32_t number = 0; number < settings_.workers; ++number) {
    auto started = co_await start_worker(number);
    if (started.has_value()) continue;
    const RoleNode* worker = nodes_.back().get();
    if (!is_refused_for_ever(started.error())) co_return started;
    refused_.insert(worker);
    if (refused_.size() == settings_.workers) co_return started;
    (*nodes_.front())
        .env()
        .log()
        .error("up", "goes on without {}: {}", worker->name(), started.error().to_string());
  }
  co_return Result<void>();
}

Task<Result<void>> LocalCluster::start_worker(uint32_t number) {
  Result<RoleNode*> added = add_node(worker_name(number));
  VECTRON_CO_TRY(RoleNode * node, added);
  Address listen{"@" + node->name() + ":1"};
  WorkerConfig config = worker_config(
      node_settings(NodeId(service(ServiceId::worker).first_node + number), std::move(listen)));
  // One process is one failure domain in truth; calling each worker a host of its own lets copies
  // be tried out here.
  config.host = node->name();
  Runnable service(std::move(config), &run_worker);
  Result<void> started = co_await node->start(std::move(service), std::nullopt);
  co_return started;
}

Task<Result<void>> LocalCluster::start_gateway() {
  Result<RoleNode*> added = add_node("gateway-1");
  VECTRON_CO_TRY(RoleNode * node, added);
  GatewayConfig config = gateway_config(node_settings(kGatewayNode, settings_.rpc));
  config.drain_timeout = settings_.drain_max;
  config.incarnation = folder_.starts;
  config.http_listen = http_of(settings_, Role::up);
  config.ready_after = &usable_;
  for (const auto& other : nodes_) {
    if (other.get() != node) config.metrics_beside.push_back(&other->env().metrics());
  }
  Runnable service(std::move(config), &run_gateway);
  Result<void> started = co_await node->start(std::move(service), std::nullopt);
  co_return started;
}

// Usable: every collection is ready, or waiting longer would not make it so.
Task<Result<void>> LocalCluster::wait_until_usable() {
  RoleNode* gateway = nodes_.back().get();
  Clock& clock = gateway->env().clock();
  ClientConfig config;
  config.gateways = {gateway->rpc().front()};
  Client client(gateway->env(), config);
  Patience patience(kUsableStillMax, clock.monotonic());
  Instant tell_next = clock.monotonic() + kQuietAtStart;
  while (true) {
    const Status failed = failure();
    if (!failed.ok()) co_return fail(failed);
    const auto listed = co_await client.list_collections();
    const auto workers = co_await client.list_workers();
    const Instant now = clock.monotonic();
    std::vector<Unready> unready;
    if (listed.has_value() && workers.has_value()) {
      const std::set<uint64_t> silent = silent_nodes(*workers);
      unready = unready_collections(*listed, silent, settings_.worker.replicas_open_max);
      const bool hope = std::ranges::any_of(unready, &Unready::may_come);
      if (!patience.goes_on(progress_of(*listed, silent), now) || !hope) {
        tell_unready(LogLevel::error, "is ready without", unready);
        co_return Result<void>();
      }
    } else {
      patience = Patience(kUsableStillMax, now);  // What moves is not seen.
    }
    if (now >= tell_next) {
      tell_next = now + kComplainInterval;
      if (!listed.has_value() || !workers.has_value()) {
        const Status& why = listed.has_value() ? workers.error() : listed.error();
        gateway->env().log().warning("up", "waits for the list of collections: {}",
                                     why.to_string());
      }
      tell_unready(LogLevel::warning, "waits for", unready);
    }
    co_await clock.sleep_for(kUsablePollInterval);
  }
}

void LocalCluster::tell_unready(LogLevel level, std::string_view what,
                                const std::vector<Unready>& unready) {
  Log& log = nodes_.back()->env().log();
  for (const Unready& one : unready) {
    log.write(level, "up", fmt::format("{} collection '{}': {}", what, one.name, one.why));
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
    if (!ended.has_value() && !refused_.contains(node->get())) {
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
