// FaultPlayer: makes a plan's scheduled faults happen at their times.
#pragma once

#include "sim/cluster/cluster_nodes.h"
#include "sim/cluster/hostile_client.h"

namespace vectron::sim {

class FaultPlayer {
 public:
  /// All outlive the player.
  FaultPlayer(const Plan* plan, RunRecord* record, ClusterNodes* nodes, const ReplicaWatch* watch)
      : plan_(*plan), record_(*record), nodes_(*nodes), watch_(*watch) {}

  /// Who plays the faults of class `hostile`; without one there are none. It outlives the player.
  void set_hostile_client(HostileClient* client) { hostile_ = client; }

  /// Schedules all faults; their times count from now. Lives as long as the world's driver.
  void start();
  /// No fault begins after this.
  void stop() { stopped_ = true; }

 private:
  Task<void> play(const PlannedFault* fault, Instant when);
  void strike(const PlannedFault& fault);
  /// Cuts off one leader of a group after another.
  Task<void> hunt_leaders(const PlannedFault* fault);
  void cut_off(const PlannedFault& fault, SimNode* node, bool healed);
  /// Faults of one machine: its clock, its disk, its process.
  void strike_machine(const PlannedFault& fault, ClusterNodes::Node* node);
  void strike_disk(const PlannedFault& fault, DiskTrouble* trouble);
  void strike_network(const PlannedFault& fault, const SimNode& target, const SimNode& peer);
  std::vector<SimNode*> peers_of(const PlannedFault& fault, const SimNode& target);
  std::vector<SimNode*> machines_of(const std::string& target);

  const Plan& plan_;
  RunRecord& record_;
  ClusterNodes& nodes_;
  const ReplicaWatch& watch_;
  HostileClient* hostile_ = nullptr;
  bool stopped_ = false;
};

}  // namespace vectron::sim
