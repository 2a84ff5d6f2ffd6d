// GroupBirth: brings this node's replica of the placement driver's group to where it may take part.
//
// Owned by run_placement(), on its event loop. While the group is being born, this node serves
// nothing but what the members ask of one another; afterwards it goes on answering them on the
// node's own server.
#pragma once

#include <map>
#include <string>

#include "core/replica/replica_node.h"
#include "core/rpc/cluster_refusals.h"
#include "schemas/placement_rpc.h"
#include "services/placement/birth_step.h"
#include "services/placement/placement_service.h"

namespace vectron {

class GroupBirth final : public wire::PlacementPeerHandler {
 public:
  /// All outlive it.
  GroupBirth(Env* env, const PlacementConfig* config, ReplicaNode* node)
      : env_(env), config_(config), node_(node), refusals_(config->members.size() - 1) {}

  /// Returns when the replica is born and may be started; it may be destroyed before. Errors:
  /// data_loss (the replica is gone and must not be made again), unavailable (cannot listen),
  /// failed_precondition (every other member belongs to another cluster), those of the disk.
  Task<Result<void>> run();

  Task<Result<wire::GroupPresenceReply>> group_presence(RequestContext context,
                                                        wire::GroupPresenceRequest) override;

 private:
  wire::GroupPresence own_presence() const;
  Task<Result<void>> agree();
  /// Empty when the member did not answer, or another one did at its address.
  Task<std::optional<wire::GroupPresence>> ask(PlacementConfig::Member member);
  void complain();
  Task<std::vector<std::optional<wire::GroupPresence>>> ask_others();

  Env* env_;
  const PlacementConfig* config_;
  ReplicaNode* node_;
  rpc::ClusterRefusals refusals_;          // By the other members.
  std::map<NodeId, std::string> missing_;  // Why the others did not answer last.
};

}  // namespace vectron
