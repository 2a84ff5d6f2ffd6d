#include "sim/cluster/fault_player.h"

namespace vectron::sim {

namespace {
/// How often a hunt looks for a new leader.
constexpr Duration kHuntInterval = 5ms;
/// Without a new leader, the hunt ends.
constexpr Duration kHuntPatience = 5s;
/// How long a new leader may lead at most.
constexpr uint64_t kMercyMillisecondsMax = 500;

bool is_of_machine(FaultClass fault_class) {
  using enum FaultClass;
  return is_destructive(fault_class) || fault_class == clock_step || fault_class == pause ||
         fault_class == io_error || fault_class == disk_full || fault_class == slow_disk ||
         fault_class == descriptors;
}
}  // namespace

void FaultPlayer::start() {
  const Instant begin = record_.world.now();
  for (const PlannedFault& fault : plan_.faults) {
    const Instant when = begin + std::chrono::milliseconds(fault.at_ms);
    record_.world.driver().spawn(play(&fault, when));
  }
}

Task<void> FaultPlayer::play(const PlannedFault* fault, Instant when) {
  co_await SleepAwaiter(record_.world.scheduler(), when);
  if (stopped_) co_return;
  if (fault->rounds == 0) {
    strike(*fault);
  } else {
    co_await hunt_leaders(fault);
  }
}

Task<void> FaultPlayer::hunt_leaders(const PlannedFault* fault) {
  RandomStream random = record_.world.random(fmt::format("fault[{}]", fault->id));
  const std::vector<GroupId> groups = watch_.groups();
  if (groups.empty()) co_return;
  const GroupId group = groups[random.below(groups.size())];
  SimNode* isolated = nullptr;
  for (uint32_t round = 0; round < fault->rounds; ++round) {
    const Instant patience = record_.world.now() + kHuntPatience;
    SimNode* leader = isolated;
    while (leader == isolated && !stopped_ && record_.world.now() < patience) {
      co_await SleepAwaiter(record_.world.scheduler(), record_.world.now() + kHuntInterval);
      const auto id = watch_.leader_of(group);
      ClusterNodes::Node* node = id.has_value() ? nodes_.find(*id) : nullptr;
      if (node != nullptr) leader = node->machine;
    }
    if (leader == isolated) co_return;
    const auto mercy = std::chrono::milliseconds(random.heavy_tail(0, kMercyMillisecondsMax));
    co_await SleepAwaiter(record_.world.scheduler(), record_.world.now() + mercy);
    if (stopped_) co_return;
    if (isolated != nullptr) cut_off(*fault, isolated, true);
    cut_off(*fault, leader, false);
    isolated = leader;
  }
}

void FaultPlayer::cut_off(const PlannedFault& fault, SimNode* node, bool healed) {
  for (SimNode* peer : peers_of(fault, *node)) {
    if (healed) {
      record_.world.network().heal(*node, *peer);
    } else {
      strike_network(fault, *node, *peer);
    }
  }
}

void FaultPlayer::strike(const PlannedFault& fault) {
  if (fault.fault_class == FaultClass::crash || fault.fault_class == FaultClass::kill_all) {
    const auto down = std::chrono::milliseconds(fault.duration_ms);
    bool struck = false;
    for (ClusterNodes::Node* node : nodes_.resolve(fault.target)) {
      struck |= node->machine->running();
      if (fault.fault_class == FaultClass::kill_all) {
        nodes_.end(node, fault.mode, down);
      } else {
        nodes_.crash(node, fault);
      }
    }
    if (struck && fault.fault_class == FaultClass::kill_all) {
      record_.world.fault_fired(FaultClass::kill_all);
    }
    return;
  }
  if (fault.fault_class == FaultClass::hostile) {
    if (hostile_ == nullptr) return;
    for (const ClusterNodes::Node* node : nodes_.resolve(fault.target)) {
      hostile_->attack(fault, node->kind, node->number);
    }
    return;
  }
  if (is_of_machine(fault.fault_class)) {
    for (ClusterNodes::Node* node : nodes_.resolve(fault.target)) strike_machine(fault, node);
    return;
  }
  for (SimNode* target : machines_of(fault.target)) {
    for (SimNode* peer : peers_of(fault, *target)) strike_network(fault, *target, *peer);
  }
}

void FaultPlayer::strike_machine(const PlannedFault& fault, ClusterNodes::Node* node) {
  const auto duration = std::chrono::milliseconds(fault.duration_ms);
  const auto step = std::chrono::milliseconds(fault.step_ms);
  switch (fault.fault_class) {
    case FaultClass::clock_step:
      node->machine->step_clock(fault.step == StepDirection::forward ? step : -step);
      break;
    case FaultClass::pause:
      node->machine->pause(duration);
      break;
    case FaultClass::lost_machine:
      nodes_.lose_machine(node, duration);
      break;
    case FaultClass::bit_rot:
      nodes_.rot(node, fault.rot, record_.world.random(fmt::format("fault[{}]", fault.id)),
                 duration);
      break;
    case FaultClass::sync_failure:
      node->machine->disk().trouble().fail_syncs(fault.calls);
      if (fault.duration_ms == 0) break;
      record_.world.driver().spawn(nodes_.end_later(node, duration, CrashKind::power_loss));
      break;
    default:
      strike_disk(fault, &node->machine->disk().trouble());
  }
}

void FaultPlayer::strike_disk(const PlannedFault& fault, DiskTrouble* trouble) {
  const Instant until = record_.world.now() + std::chrono::milliseconds(fault.duration_ms);
  switch (fault.fault_class) {
    case FaultClass::io_error:
      if (fault.io == IoKind::read) {
        trouble->fail_reads(fault.calls);
      } else {
        trouble->fail_writes(fault.calls);
      }
      break;
    case FaultClass::disk_full:
      if (record_.world.random(fmt::format("fault[{}]", fault.id)).below(3) == 0) {
        trouble->fill_up_late(until);
      } else {
        trouble->fill_up(until);
      }
      break;
    case FaultClass::descriptors:
      trouble->run_out_of_descriptors(until);
      break;
    case FaultClass::slow_disk:
      if (fault.factor == 0) {
        trouble->stall(until);
      } else {
        trouble->slow_down(until, fault.factor);
      }
      break;
    default:
      VECTRON_ASSERT(false, "{} is no fault of a disk", fault_class_name(fault.fault_class));
  }
}

void FaultPlayer::strike_network(const PlannedFault& fault, const SimNode& target,
                                 const SimNode& peer) {
  SimNetwork& network = record_.world.network();
  const Instant until = record_.world.now() + std::chrono::milliseconds(fault.duration_ms);
  switch (fault.fault_class) {
    case FaultClass::partition:
      if (fault.direction == FaultDirection::incoming) {
        network.partition(peer, target, Direction::forward, until);
      } else {
        const bool both = fault.direction == FaultDirection::both;
        network.partition(target, peer, both ? Direction::both : Direction::forward, until);
      }
      break;
    case FaultClass::stall:
      network.clog(target, peer, Direction::both, until);
      break;
    case FaultClass::reset:
      network.reset_all(target, peer);
      break;
    case FaultClass::half_open:
      network.half_open(target, peer);
      break;
    case FaultClass::connect:
      if (fault.connect == ConnectMode::refuse) {
        network.refuse_connects(target, peer, until);
        network.refuse_connects(peer, target, until);
      } else {
        network.hang_connects(target, peer, until);
        network.hang_connects(peer, target, until);
      }
      // What is connected would never notice: cut it, so that it connects anew.
      network.reset_all(target, peer);
      break;
    default:
      break;  // The rest lasts for the whole run, or is not the network's.
  }
}

std::vector<SimNode*> FaultPlayer::machines_of(const std::string& target) {
  std::vector<SimNode*> out;
  for (ClusterNodes::Node* node : nodes_.resolve(target)) out.push_back(node->machine);
  if (out.empty()) {
    if (SimNode* client = record_.world.find_node(target)) out.push_back(client);
  }
  return out;
}

std::vector<SimNode*> FaultPlayer::peers_of(const PlannedFault& fault, const SimNode& target) {
  std::vector<SimNode*> out;
  const bool durable = fault.peer == "durable";
  if (!durable && fault.peer != "others") {
    for (SimNode* peer : machines_of(fault.peer)) {
      if (peer != &target) out.push_back(peer);
    }
    return out;
  }
  const std::vector<std::string> names =
      durable ? durable_node_names(plan_.shape) : node_names(plan_.shape);
  for (const std::string& name : names) {
    SimNode* peer = record_.world.find_node(name);
    if (peer != nullptr && peer != &target) out.push_back(peer);
  }
  return out;
}

}  // namespace vectron::sim
