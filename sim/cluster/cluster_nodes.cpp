#include "sim/cluster/cluster_nodes.h"

#include <algorithm>

namespace vectron::sim {

namespace {

constexpr Duration kSupervisorInterval = 10ms;
constexpr Duration kRestartPause = 300ms;  ///< After a node ended by itself.
/// A power cut waits for the node's next commits; a node that makes none loses power anyway.
constexpr Duration kPowerCutPatience = 1s;

}  // namespace

ClusterNodes::ClusterNodes(const Plan* plan, RunRecord* record, ReplicaWatch* watch)
    : plan_(*plan), record_(*record), watch_(*watch) {
  for (uint32_t i = 0; i < plan_.shape.placement_nodes; ++i) add(NodeKind::placement, i);
  for (uint32_t i = 0; i < plan_.shape.workers; ++i) add(NodeKind::worker, i);
  for (uint32_t i = 0; i < plan_.shape.gateways; ++i) add(NodeKind::gateway, i);
}

void ClusterNodes::add(NodeKind kind, uint32_t number) {
  auto node = std::make_unique<Node>();
  const std::string name = node_name(kind, number);
  RandomStream random = record_.world.random(fmt::format("machine[{}]", name));
  NodeOptions options;
  options.zone = zone_name(plan_.shape, number);
  // Clocks of different machines have nothing in common; a deadline that crossed the wire would
  // show.
  options.monotonic_offset = std::chrono::milliseconds(random.below(1'000'000));
  node->machine = &record_.world.add_node(name, options);
  node->kind = kind;
  node->number = number;
  node->id = node_id(kind, number);
  nodes_.push_back(std::move(node));
}

void ClusterNodes::start() {
  for (const auto& node : nodes_) boot(node.get());
  record_.world.driver().spawn(supervise());
}

void ClusterNodes::boot(Node* node) {
  node->seen_running = true;
  node->ended_by_itself = false;
  if (node->starts++ > 0) ++restarts_;
  node->machine->start([this, node](Env& env) { return run_node(node, &env); });
}

Task<void> ClusterNodes::run_node(Node* node, Env* env) {
  Result<void> ended;
  if (node->kind == NodeKind::placement) {
    PlacementConfig config = placement_config(plan_, node->number, &watch_);
    config.bootstrap = !watch_.ever_started(kPlacementGroup, node->id);
    ended = co_await run_placement(env, std::move(config));
  } else if (node->kind == NodeKind::gateway) {
    GatewayConfig config = gateway_config(plan_, node->number, node->starts);
    ended = co_await run_gateway(env, std::move(config));
  } else if (plan_.profile == "raft") {
    RegisterConfig config = register_config(plan_, node->number, &watch_);
    config.bootstrap = !watch_.ever_started(kRegisterGroup, node->id);
    ended = co_await run_register_node(env, std::move(config));
  } else {
    WorkerConfig config = worker_config(plan_, node->number, &watch_);
    ended = co_await run_worker(env, std::move(config));
  }
  node->ended_by_itself = true;
  const Status status = status_of(ended);
  env->log().error("cluster", "the node ended by itself: {}", status.to_string());
  // A power cut inside a commit shows as failing calls until the node is gone.
  const bool dying = !node->machine->running();
  if (dying || node->reported || status.code() == Code::unavailable) co_return;
  node->reported = true;
  record_.violations.add(
      oracle::kDurability, record_.world.now(),
      fmt::format("{} ended by itself: {}", node->machine->name(), status.to_string()));
}

Task<void> ClusterNodes::supervise() {
  while (true) {
    for (const auto& node : nodes_) look_after(node.get());
    const Instant next = record_.world.now() + kSupervisorInterval;
    co_await SleepAwaiter(record_.world.scheduler(), next);
  }
}

void ClusterNodes::look_after(Node* node) {
  if (node->machine->running()) return;
  if (node->seen_running) {
    node->seen_running = false;
    watch_.node_stopped(node->id);
    if (node->ended_by_itself) {
      node->down_until = std::max(node->down_until, record_.world.now() + kRestartPause);
    }
    return;
  }
  if (record_.world.now() >= node->down_until) boot(node);
}

void ClusterNodes::crash(Node* node, CrashMode mode, uint32_t commit_call, Duration down) {
  if (!node->machine->running()) return;
  node->down_until = record_.world.now() + down;
  if (mode == CrashMode::power_loss_in_commit) {
    node->machine->cut_power_at_kv_call(commit_call);
    record_.world.driver().spawn(finish_power_cut(node, node->starts));
    return;
  }
  node->machine->crash(mode == CrashMode::process_kill ? CrashKind::process_kill
                                                       : CrashKind::power_loss);
}

Task<void> ClusterNodes::finish_power_cut(Node* node, uint64_t start) {
  const Instant until = record_.world.now() + kPowerCutPatience;
  co_await SleepAwaiter(record_.world.scheduler(), until);
  if (node->starts != start || !node->machine->running()) co_return;
  node->machine->cut_power_at_kv_call(0);
  node->machine->crash(CrashKind::power_loss);
}

void ClusterNodes::revive_all() {
  for (const auto& node : nodes_) {
    node->down_until = record_.world.now();
    if (node->machine->running()) node->machine->cut_power_at_kv_call(0);
  }
}

bool ClusterNodes::all_running() const {
  return std::ranges::all_of(nodes_, [](const auto& node) { return node->machine->running(); });
}

ClusterNodes::Node* ClusterNodes::find(NodeId id) {
  for (const auto& node : nodes_) {
    if (node->id == id) return node.get();
  }
  return nullptr;
}

std::vector<ClusterNodes::Node*> ClusterNodes::resolve(std::string_view target) {
  std::vector<Node*> out;
  if (target == "leader") {
    const auto leader = watch_.busiest_leader();
    if (leader.has_value()) out.push_back(find(*leader));
    return out;
  }
  for (const auto& node : nodes_) {
    const SimNode& machine = *node->machine;
    const bool named =
        target == "all" || target == machine.name() || target == machine.options().zone;
    if (named) out.push_back(node.get());
  }
  return out;
}

}  // namespace vectron::sim
