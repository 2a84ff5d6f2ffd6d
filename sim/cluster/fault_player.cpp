#include "sim/cluster/fault_player.h"

namespace vectron::sim {

void FaultPlayer::start() {
  const Instant begin = record_.world.now();
  for (const PlannedFault& fault : plan_.faults) {
    const Instant when = begin + std::chrono::milliseconds(fault.at_ms);
    record_.world.driver().spawn(play(&fault, when));
  }
}

Task<void> FaultPlayer::play(const PlannedFault* fault, Instant when) {
  co_await SleepAwaiter(record_.world.scheduler(), when);
  if (!stopped_) strike(*fault);
}

void FaultPlayer::strike(const PlannedFault& fault) {
  if (fault.fault_class == FaultClass::crash || fault.fault_class == FaultClass::kill_all) {
    const auto down = std::chrono::milliseconds(fault.duration_ms);
    bool struck = false;
    for (ClusterNodes::Node* node : nodes_.resolve(fault.target)) {
      struck |= node->machine->running();
      nodes_.crash(node, fault.mode, fault.commit_call, down);
    }
    if (struck && fault.fault_class == FaultClass::kill_all) {
      record_.world.fault_fired(FaultClass::kill_all);
    }
    return;
  }
  for (SimNode* target : machines_of(fault.target)) {
    for (SimNode* peer : peers_of(fault, *target)) strike_network(fault, *target, *peer);
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
