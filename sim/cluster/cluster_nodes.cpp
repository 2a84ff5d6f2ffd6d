#include "sim/cluster/cluster_nodes.h"

#include <algorithm>
#include <array>

#include "core/env/descriptors.h"
#include "core/replica/birth_remains.h"
#include "sim/cluster/level_check.h"
#include "sim/cluster/node_manifest.h"

namespace vectron::sim {

namespace {

/// A worker's; in it one of each.
constexpr std::string_view kReplicasFolder = "replicas";
constexpr Duration kSupervisorInterval = 10ms;
/// After a node ended by itself.
constexpr Duration kRestartPause = 300ms;
/// A power cut waits for the node's next commits; a node that makes none loses power anyway.
constexpr Duration kPowerCutPatience = 1s;
/// A stop may take so much longer than its parts: a worker says that it goes, and answers are on
/// their way out. A start that is under way is given up at once.
constexpr Duration kStopSlack = 500ms;

/// How long a process is down in which something strikes that a running one would not survive.
constexpr Duration kStrikePause = 100ms;

bool holds_store(SimDisk& disk, const std::string& folder) {
  const auto names = disk.list(folder);
  return names.has_value() && std::ranges::any_of(*names, [](const std::string& name) {
           return name.starts_with(kGenerationPrefix);
         });
}

/// Whether a worker, or a placement node, has made all that it needs on its disk once.
bool has_started(SimNode& machine) {
  for (const std::string_view name : {"node.manifest", "replicas", "wal"}) {
    const auto there = machine.disk().exists(std::string(name));
    if (!there.has_value() || !*there) return false;
  }
  return true;
}

/// Whether a process ended because the device refused a call, and not for what it found stored.
bool names_io_error(const Status& status) {
  return status.message().contains("I/O error") || status.message().contains("Input/output error");
}

Duration stop_limit(ServiceId kind) {
  const bool writes_checkpoints = kind == ServiceId::worker;
  return kDrainTimeout + (writes_checkpoints ? kCheckpointStopTimeout : 0s) + kStopSlack;
}

/// What tells a process to stop, for as long as the process lives.
struct StopSwitch {
  StopSwitch(ClusterNodes::Node* of, Scheduler& scheduler) : node(of), event(scheduler) {
    node->stop = &event;
    node->stop_disturbed = false;
  }
  StopSwitch(const StopSwitch&) = delete;
  StopSwitch& operator=(const StopSwitch&) = delete;
  ~StopSwitch() { node->stop = nullptr; }

  ClusterNodes::Node* node;
  Event event;
};

/// Draws by how much a machine's clocks are wrong.
void skew(const PlanIntensities& intensities, RandomStream random, NodeOptions* options) {
  const auto either_way = [&random](int64_t most) {
    return static_cast<int64_t>(random.below(static_cast<uint64_t>(most) * 2 + 1)) - most;
  };
  options->wall_offset = std::chrono::milliseconds(either_way(intensities.clock_offset_ms_max));
  options->drift_ppb = either_way(intensities.clock_drift_ppm_max) * 1'000;
}

}  // namespace

ClusterNodes::ClusterNodes(const Plan* plan, RunRecord* record, ReplicaWatch* watch,
                           PeerWatch* peers)
    : plan_(*plan),
      record_(*record),
      watch_(*watch),
      leader_watch_(plan, watch, &record->violations),
      peers_(*peers) {
  for (uint32_t i = 0; i < plan_.shape.placement_nodes; ++i) add(ServiceId::placement, i);
  for (uint32_t i = 0; i < plan_.shape.workers; ++i) add(ServiceId::worker, i);
  for (uint32_t i = 0; i < plan_.shape.gateways; ++i) add(ServiceId::gateway, i);
  watch_.on_stopped([this](NodeId node, const Status& status) { replica_stopped(node, status); });
  watch_.on_restored([this](const ReplicaName& name) { index_restored(name); });
}

void ClusterNodes::add(ServiceId kind, uint32_t number) {
  auto node = std::make_unique<Node>();
  const std::string name = node_name(kind, number);
  RandomStream random = record_.world.random(fmt::format("machine[{}]", name));
  NodeOptions options;
  options.zone = zone_name(plan_.shape, number);
  // Clocks of different machines have nothing in common; a deadline that crossed the wire would
  // show.
  options.monotonic_offset = std::chrono::milliseconds(random.below(1'000'000));
  skew(plan_.intensities, record_.world.random(fmt::format("clock[{}]", name)), &options);
  node->machine = &record_.world.add_node(name, options);
  node->peers = peers_.of_node(
      name, [machine = node->machine] { return machine->running() && !machine->paused(); });
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
  node->listens = false;
  node->ended_by_itself = false;
  node->booted = record_.world.now();
  if (node->starts++ > 0) ++restarts_;
  node->errors_before = node->machine->disk().trouble().errors_given();
  node->io_errors_before = node->machine->disk().trouble().io_errors_given();
  node->machine->start([this, node](Env& env) { return run_node(node, &env); });
}

Task<void> ClusterNodes::run_node(Node* node, Env* env) {
  StopSwitch stop(node, env->scheduler());
  Runnable service =
      simulated_service(node->kind, {&plan_, node->number, node->starts, &watch_, node->peers});
  NodeConfig& config = service.config();
  config.stop = &stop.event;
  config.on_listening = [node](const std::vector<Address>&) { node->listens = true; };
  config.on_ready = [this, node] { look_at_incarnation(node); };
  const Result<void> ended = co_await service.run(env);
  if (stop.event.is_set() && ended.has_value()) {
    stopped(node);
    co_return;
  }
  node->ended_by_itself = true;
  const Status status = status_of(ended);
  env->log().error("cluster", "the node ended by itself: {}", status.to_string());
  // A power cut inside a commit shows as failing calls until the node is gone.
  const bool dying = !node->machine->running();
  if (dying || node->reported || status.code() == Code::unavailable) co_return;
  if (has_reason_to_stop(*node, status)) co_return;
  node->reported = true;
  record_.violations.add(
      oracle::kDurability, record_.world.now(),
      fmt::format("{} ended by itself: {}", node->machine->name(), status.to_string()),
      is_refused_for_ever(status) ? kRefusedForEver : kEndedByItself);
}

Task<void> ClusterNodes::supervise() {
  while (true) {
    for (const auto& node : nodes_) look_after(node.get());
    look_for_leaders();
    const Instant next = record_.world.now() + kSupervisorInterval;
    co_await SleepAwaiter(record_.world.scheduler(), next);
  }
}

bool ClusterNodes::has_reason_to_stop(const Node& node, const Status& status) const {
  const DiskTrouble& trouble = node.machine->disk().trouble();
  // Its folder is another one, or forgot a start: no call that was refused makes it so.
  if (is_refused_for_ever(status)) return node.hurt || trouble.syncs_failed() > 0;
  if (names_io_error(status)) return trouble.io_errors_given() > node.io_errors_before;
  if (status.code() == Code::data_loss) return node.hurt;
  // What is short comes back: who runs waits for it, and a full disk keeps nobody from starting who
  // has started there before. A start without descriptors ends, whatever else is short.
  const bool full = trouble.is_full_now() && status.field() != kDescriptorsField;
  if (status.code() == Code::resource_exhausted && (node.listens || full) &&
      has_started(*node.machine)) {
    return false;
  }
  return trouble.errors_given() > node.errors_before;
}

void ClusterNodes::replica_stopped(NodeId id, const Status& status) {
  Node* node = find(id);
  if (node == nullptr || !node->machine->running()) return;
  SimDisk& disk = node->machine->disk();
  if (disk.ever_rotted() && status.code() == Code::data_loss) disk.trouble().rot_was_read();
  if (has_reason_to_stop(*node, status)) return;
  record_.violations.add(oracle::kDurability, record_.world.now(),
                         fmt::format("a replica on {} stopped by itself: {}", node->machine->name(),
                                     status.to_string()));
}

void ClusterNodes::index_restored(const ReplicaName& name) {
  const Node* node = find(name.node);
  if (node == nullptr) return;
  const std::string folder = fmt::format("{}/{}", kReplicasFolder, name.replica);
  if (!node->machine->disk().gave_rotten_checkpoint(folder)) return;
  record_.violations.add(oracle::kRot, record_.world.now(),
                         fmt::format("{} read a rotten graph checkpoint and restored the index of "
                                     "replica {} from it",
                                     node->machine->name(), name.replica));
}

void ClusterNodes::look_after(Node* node) {
  if (node->machine->running()) {
    const bool slowed = node->machine->paused() || node->machine->disk().trouble().slows();
    node->stop_disturbed = node->stop_disturbed || slowed;
    look_at_levels(node);
    return;
  }
  if (std::exchange(node->disk_gone, false)) {
    if (node->machine->disk().used_bytes() > 0) {
      record_.world.fault_fired(FaultClass::lost_machine);
    }
    node->machine->lose_disk();
    ++node->disks;
  }
  if (node->gone) {
    if (std::exchange(node->seen_running, false)) watch_.node_stopped(node->id);
    return;
  }
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

// Each start of a folder's process has a number that no earlier one had: by it peers refuse what an
// older process says.
void ClusterNodes::look_at_incarnation(Node* node) {
  const auto manifest = node_manifest(node->machine->disk());
  if (!manifest.has_value()) return;
  const bool same_folder =
      manifest->folder_id == std::exchange(node->folder_id, manifest->folder_id);
  const uint64_t before = std::exchange(node->incarnation, manifest->incarnation);
  if (!same_folder || manifest->incarnation > before) return;
  record_.violations.add(
      oracle::kDurability, record_.world.now(),
      fmt::format("{} started with the number {}, an earlier start of this folder had {}",
                  node->machine->name(), manifest->incarnation, before),
      "incarnation");
}

void ClusterNodes::look_at_levels(Node* node) {
  if (node->above_bound) return;
  const LevelBounds bounds = level_bounds(plan_.profile, node->kind, plan_.shape.placement_nodes);
  const auto above = level_above_bound(node->machine->env().metrics(), bounds);
  if (!above) return;
  node->above_bound = true;
  record_.violations.add(oracle::kBounds, record_.world.now(),
                         fmt::format("{}: {}", node->machine->name(), *above));
}

void ClusterNodes::look_for_leaders() {
  const Instant now = record_.world.now();
  LeaderWatch::Machines machines{.all_run = true, .started_full = false};
  bool waits_for_start = false;
  for (const auto& node : nodes_) {
    const DiskTrouble& trouble = node->machine->disk().trouble();
    if (!trouble.is_full_now()) node->full_since = {};
    if (trouble.is_full_now() && node->full_since == Instant{}) node->full_since = now;
    machines.all_run &= node->machine->running() && !node->machine->paused() && !node->hurt;
    if (!trouble.is_full_now()) continue;
    machines.started_full = true;
    // What a process had in hand when the space ran out may be larger than what is kept for votes.
    waits_for_start |= node->booted <= node->full_since;
  }
  machines.started_full &= !waits_for_start;
  leader_watch_.look(now, machines);
}

void ClusterNodes::crash(Node* node, const PlannedFault& fault) {
  if (!node->machine->running()) return;
  const auto down = std::chrono::milliseconds(fault.duration_ms);
  if (fault.mode == CrashMode::stop) {
    stop(node, std::chrono::milliseconds(fault.grace_ms), down);
    return;
  }
  node->down_until = record_.world.now() + down;
  if (fault.again_ms > 0) {
    const auto later = std::chrono::milliseconds(fault.again_ms);
    record_.world.driver().spawn(cut_power_again(node, node->starts, later));
  }
  if (fault.mode == CrashMode::power_loss_in_commit) {
    node->machine->cut_power_at_kv_call(fault.commit_call);
    record_.world.driver().spawn(finish_power_cut(node, node->starts));
    return;
  }
  node->machine->crash(fault.mode == CrashMode::process_kill ? CrashKind::process_kill
                                                             : CrashKind::power_loss);
}

void ClusterNodes::stop(Node* node, Duration grace, Duration down) {
  if (node->stop == nullptr || node->stop->is_set()) return;
  node->stop_down = down;
  node->stop->set();
  record_.world.driver().spawn(finish_stop(node, grace));
}

// The process has ended as it was told.
void ClusterNodes::stopped(Node* node) {
  ++orderly_stops_;
  record_.world.fault_fired(FaultClass::crash);
  node->down_until = record_.world.now() + node->stop_down;
}

Task<void> ClusterNodes::finish_stop(Node* node, Duration grace) {
  const uint64_t start = node->starts;
  const Instant asked = record_.world.now();
  const Duration limit = stop_limit(node->kind);
  co_await SleepAwaiter(record_.world.scheduler(), asked + std::min(grace, limit));
  if (node->starts != start || !node->machine->running()) co_return;
  if (grace > limit) {
    if (!node->stop_disturbed) {
      record_.violations.add(oracle::kOrderlyStop, record_.world.now(),
                             fmt::format("{} was told to stop and still runs {} s later",
                                         node->machine->name(), to_seconds(limit)));
    }
    co_await SleepAwaiter(record_.world.scheduler(), asked + grace);
    if (node->starts != start || !node->machine->running()) co_return;
  }
  node->down_until = record_.world.now() + node->stop_down;
  node->machine->crash(CrashKind::process_kill);
}

void ClusterNodes::end(Node* node, CrashMode mode, Duration down) {
  if (!node->machine->running()) return;
  node->down_until = record_.world.now() + down;
  if (mode == CrashMode::process_kill) {
    node->machine->kill();
  } else {
    node->machine->cut_power();
  }
}

Task<void> ClusterNodes::finish_power_cut(Node* node, uint64_t start) {
  const Instant until = record_.world.now() + kPowerCutPatience;
  co_await SleepAwaiter(record_.world.scheduler(), until);
  if (node->starts != start || !node->machine->running()) co_return;
  node->machine->cut_power_at_kv_call(0);
  node->machine->crash(CrashKind::power_loss);
}

// What the next start does to the disk is not on it before it is synced, and it does that before
// anything else.
Task<void> ClusterNodes::cut_power_again(Node* node, uint64_t start, Duration later) {
  SimWorld& world = record_.world;
  while (!calm_ && node->starts == start) {
    co_await SleepAwaiter(world.scheduler(), world.now() + kSupervisorInterval / 10);
  }
  co_await SleepAwaiter(world.scheduler(), world.now() + later);
  if (calm_ || node->starts != start + 1 || !node->machine->running()) co_return;
  node->down_until = world.now() + kRestartPause;
  node->machine->crash(CrashKind::power_loss);
}

void ClusterNodes::lose_machine(Node* node, Duration down) {
  node->hurt = node->disk_gone = true;
  node->gone = down == Duration::zero();
  node->down_until = record_.world.now() + down;
  node->machine->cut_power();
}

void ClusterNodes::rot(Node* node, RotKind kind, RandomStream random, Duration later) {
  if (kind == RotKind::pages || kind == RotKind::missing) {
    record_.world.driver().spawn(strike_while_down(node, kind, random, later));
    return;
  }
  if (!node->machine->disk().rot(static_cast<RotPlace>(kind), &random)) return;
  // What a checkpoint held can be had from the store: its worker is excused from nothing.
  node->hurt = node->hurt || kind != RotKind::checkpoint;
  if (later == Duration::zero()) return;
  record_.world.driver().spawn(end_later(node, later, CrashKind::process_kill));
}

Task<void> ClusterNodes::strike_while_down(Node* node, RotKind kind, RandomStream random,
                                           Duration later) {
  SimWorld& world = record_.world;
  co_await SleepAwaiter(world.scheduler(), world.now() + later);
  node->machine->kill();
  node->down_until = std::max(node->down_until, world.now() + kStrikePause);
  co_await SleepAwaiter(world.scheduler(), world.now() + kStrikePause / 2);
  if (node->machine->running()) co_return;
  if (kind == RotKind::missing) {
    lose_file(node, &random);
  } else if (node->machine->disk().rot(RotPlace::pages, &random)) {
    node->hurt = true;
  }
}

void ClusterNodes::lose_file(Node* node, RandomStream* random) {
  SimDisk& disk = node->machine->disk();
  const auto path = disk.lose_file(random);
  if (!path) return;
  node->hurt = true;
  const auto listed = disk.list(std::string(kReplicasFolder));
  if (!listed.has_value()) return;
  for (const std::string& name : *listed) {
    const std::string folder = fmt::format("{}/{}", kReplicasFolder, name);
    const auto replica = replica_of_folder(name);
    const bool beside = path->starts_with(folder + "/") || path->find('/') == std::string::npos;
    if (replica && beside && watch_.has_applied(*replica) && holds_store(disk, folder)) {
      robbed_.push_back({node, node->disks, *replica});
    }
  }
}

std::optional<std::string> ClusterNodes::thrown_away() const {
  for (const Robbed& robbed : robbed_) {
    const Node& node = *robbed.node;
    if (node.disks != robbed.disk || node.disk_gone || watch_.was_dropped(robbed.replica)) continue;
    const std::string folder = fmt::format("{}/{}", kReplicasFolder, robbed.replica);
    if (holds_store(node.machine->disk(), folder)) continue;
    return fmt::format("{} threw away the data in {} after a file beside it was gone",
                       node.machine->name(), folder);
  }
  return std::nullopt;
}

Task<void> ClusterNodes::end_later(Node* node, Duration later, CrashKind kind) {
  co_await SleepAwaiter(record_.world.scheduler(), record_.world.now() + later);
  if (kind == CrashKind::process_kill) {
    node->machine->kill();
  } else {
    node->machine->cut_power();
  }
}

std::set<NodeId> ClusterNodes::hurt() const {
  std::set<NodeId> out;
  for (const auto& node : nodes_) {
    if (node->hurt) out.insert(node->id);
  }
  return out;
}

size_t ClusterNodes::whole_worker_zones() const {
  std::set<std::string_view> zones;
  for (const auto& node : nodes_) {
    if (node->kind == ServiceId::worker && !node->hurt) zones.insert(node->machine->options().zone);
  }
  return zones.size();
}

void ClusterNodes::revive_all() {
  calm_ = true;
  for (const auto& node : nodes_) {
    node->machine->go_on();
    node->machine->disk().trouble().heal();
    node->down_until = record_.world.now();
    node->stop_down = Duration::zero();
    if (node->machine->running()) node->machine->cut_power_at_kv_call(0);
  }
}

size_t ClusterNodes::ended_without_reason() const {
  return static_cast<size_t>(
      std::ranges::count_if(nodes_, [](const auto& node) { return node->reported; }));
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
    const bool named = target == "all" || target == machine.name() ||
                       target == machine.options().zone || target == service(node->kind).plural;
    if (named) out.push_back(node.get());
  }
  return out;
}

}  // namespace vectron::sim
