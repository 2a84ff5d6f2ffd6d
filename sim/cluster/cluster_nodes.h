// ClusterNodes: the service nodes of a run: starts them, starts them again after a crash, and
// resolves a plan's targets.
//
// A supervisor task looks at all nodes every few simulated milliseconds, as an init system would:
// one that is down and whose time to come back has come is started again, also one that ended by
// itself. A node or a replica that stops by itself must have a reason: an error that its disk gave
// it, or damage that was done to what it had stored. Otherwise it is a violation. One that is told
// to stop must end in time.
#pragma once

#include <set>
#include <string_view>
#include <vector>

#include "sim/cluster/node_configs.h"
#include "sim/cluster/run_record.h"
#include "sim/oracle/leader_watch.h"
#include "sim/oracle/peer_watch.h"
#include "sim/oracle/replica_watch.h"

namespace vectron::sim {

/// The kind of a violation: a process ended by itself and had no reason to.
inline constexpr std::string_view kEndedByItself = "ended";
/// The same, because the placement driver will never take that start of it.
inline constexpr std::string_view kRefusedForEver = "refused";

class ClusterNodes {
 public:
  struct Node {
    SimNode* machine = nullptr;
    ServiceId kind = ServiceId::worker;
    uint32_t number = 0;
    NodeId id;
    PeerWatcher* peers = nullptr;
    /// Not started again before.
    Instant down_until{};
    bool seen_running = false;
    bool ended_by_itself = false;
    /// As one that ended by itself; once is enough.
    bool reported = false;
    /// A level of it was above its bound; said once.
    bool above_bound = false;
    uint64_t starts = 0;
    /// That it has had.
    uint64_t disks = 1;
    /// Something that it had stored was destroyed.
    bool hurt = false;
    /// Never comes back.
    bool gone = false;
    /// Its disk is replaced by an empty one as soon as it is down.
    bool disk_gone = false;
    /// That its disk had given when the process started.
    uint64_t errors_before = 0;
    uint64_t io_errors_before = 0;
    /// Its present process has told that it can be reached.
    bool listens = false;
    /// Of the running process: tells it to end in order.
    Event* stop = nullptr;
    /// How long it stays down once it has ended so.
    Duration stop_down{};
    /// Something has kept it from ending in time.
    bool stop_disturbed = false;
    /// When its present process started.
    Instant booted{};
    /// Of its folder, as its last start that got ready found it.
    uint64_t folder_id = 0;
    /// The number of the last start that got ready.
    uint64_t incarnation = 0;
    /// Since when its disk is full; zero: it is not.
    Instant full_since{};
  };

  /// Adds the plan's nodes to the world; starts none. All outlive this.
  ClusterNodes(const Plan* plan, RunRecord* record, ReplicaWatch* watch, PeerWatch* peers);
  ClusterNodes(const ClusterNodes&) = delete;
  ClusterNodes& operator=(const ClusterNodes&) = delete;

  /// Starts every node and the supervisor, which lives as long as the world's driver.
  void start();

  /// The plan's faults begin: their times count from now on.
  void workload_begins() { leader_watch_.workload_begins(record_.world.now()); }

  /// What a fault of class `crash` says: ends a process, cuts the power in its next commits, or
  /// tells it to stop; it comes back after its duration. Does nothing when it is down.
  void crash(Node* node, const PlannedFault& fault);
  /// The same as a part of another fault than a crash, whatever the class `crash` is.
  void end(Node* node, CrashMode mode, Duration down);
  /// Destroys the machine's disk; it comes back empty after `down`, or never when that is zero.
  void lose_machine(Node* node, Duration down);
  /// Flips a bit of what it has stored; kills its process `later`, unless that is zero. What
  /// strikes only who is down strikes then.
  void rot(Node* node, RotKind kind, RandomStream random, Duration later);
  /// Ends its process, or cuts its power, after a while: a part of another fault, whatever the
  /// class `crash` is.
  Task<void> end_later(Node* node, Duration later, CrashKind kind);
  /// Whether what lay beside a file that was taken away is still there; otherwise what is not.
  std::optional<std::string> thrown_away() const;
  /// The nodes of which something stored was destroyed: their replicas may be missing.
  std::set<NodeId> hurt() const;
  /// In how many zones there is a worker that lost nothing.
  size_t whole_worker_zones() const;
  /// Brings back at once whatever is down, and disarms power cuts that have not struck.
  void revive_all();
  /// How many nodes had no reason to end by themselves, and did.
  size_t ended_without_reason() const;

  /// The nodes that a plan's target names: a node, a zone, a kind, "all" or "leader". Empty for
  /// client nodes.
  std::vector<Node*> resolve(std::string_view target);
  std::vector<std::unique_ptr<Node>>& nodes() { return nodes_; }
  Node* find(NodeId id);
  uint64_t restarts() const { return restarts_; }
  /// Processes that were told to stop and ended by themselves.
  uint64_t orderly_stops() const { return orderly_stops_; }

 private:
  void add(ServiceId kind, uint32_t number);
  void boot(Node* node);
  Task<void> run_node(Node* node, Env* env);
  Task<void> supervise();
  void look_after(Node* node);
  void look_at_levels(Node* node);
  void look_at_incarnation(Node* node);
  void look_for_leaders();
  /// Damage needs a cause that damages, an I/O error one that the disk gave; any error of the disk
  /// is a cause of all else.
  bool has_reason_to_stop(const Node& node, const Status& status) const;
  void replica_stopped(NodeId id, const Status& status);
  /// Nothing comes back from a checkpoint of which a process has read what had rotted.
  void index_restored(const ReplicaName& name);
  Task<void> strike_while_down(Node* node, RotKind kind, RandomStream random, Duration later);
  void lose_file(Node* node, RandomStream* random);
  Task<void> finish_power_cut(Node* node, uint64_t start);
  Task<void> cut_power_again(Node* node, uint64_t start, Duration later);
  void stop(Node* node, Duration grace, Duration down);
  Task<void> finish_stop(Node* node, Duration grace);
  void stopped(Node* node);

  const Plan& plan_;
  RunRecord& record_;
  ReplicaWatch& watch_;
  LeaderWatch leader_watch_;
  PeerWatch& peers_;
  std::vector<std::unique_ptr<Node>> nodes_;
  /// A replica that had data when a file beside it was taken away.
  struct Robbed {
    const Node* node = nullptr;
    /// Of the disks that the node has had.
    uint64_t disk = 0;
    ReplicaId replica;
  };
  std::vector<Robbed> robbed_;
  /// Nothing that was begun strikes any more.
  bool calm_ = false;
  uint64_t restarts_ = 0;
  uint64_t orderly_stops_ = 0;
};

}  // namespace vectron::sim
