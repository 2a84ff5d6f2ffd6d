// Forger: a peer that nobody knows, which speaks the protocols of the cluster and lies.
//
// It hears what replicas do and may reach every node, but it is not let into any of them: whatever
// it sends must leave no trace. It says Hello as nobody, as a stranger or as a node of the cluster.
// As a stranger it sends messages that a right member might send; as a node of the cluster such as
// no right member sends (what that node itself might say could not be told from the truth). The
// oracles that judge it are those of every run: no process ends, no replica is lost, all serve.
#pragma once

#include "core/rpc/channel.h"
#include "schemas/raft_rpc.h"
#include "sim/cluster/run_record.h"
#include "sim/oracle/replica_watch.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

class Forger {
 public:
  /// All outlive it.
  struct Parts {
    Env* env = nullptr;
    const Plan* plan = nullptr;
    RunRecord* record = nullptr;
    const ReplicaWatch* watch = nullptr;
  };
  explicit Forger(Parts parts);

  /// How often it connects, and how much it says each time, for so many messages a second.
  struct Pace {
    uint64_t messages = 1;
    Duration pause{};
  };
  static Pace pace_of(uint64_t forged_per_second);

  /// Forges until then (simulated time).
  Task<void> run(Instant until);

 private:
  /// Whom it says to be.
  enum class Mask : uint8_t { nobody, stranger, node };
  struct Victim {
    GroupId group;
    ReplicaWatch::Sight target;
    /// The member in whose name it speaks.
    ReplicaWatch::Sight pretended;
  };

  Task<void> forge_once(uint64_t messages);
  std::optional<Victim> choose_victim();
  rpc::Identity identity_of(Mask mask, NodeId pretended);
  /// Sends the batch, then a piece of a snapshot or a request to what the node serves.
  Task<void> lie(Victim victim, Mask mask, wire::RaftBatch batch);
  Task<void> lie_to_placement(std::shared_ptr<rpc::Channel> channel, Victim victim);
  Task<void> lie_to_worker(std::shared_ptr<rpc::Channel> channel, Victim victim);
  wire::RaftMessage plausible_message(const Victim& victim);
  wire::RaftMessage impossible_message(const Victim& victim);
  /// Makes `message` one for another member, or one in the name of a member elsewhere. False when
  /// the group has none.
  bool misdirect(const Victim& victim, wire::RaftMessage* message);
  Bytes forged_command(const Victim& victim);
  wire::SnapshotChunk forged_snapshot(const Victim& victim, Mask mask);
  uint64_t folder_known_to_another_state(NodeId worker);
  uint64_t wild_number();
  RequestContext context() const;

  Parts parts_;
  RandomStream random_;
};

}  // namespace vectron::sim
