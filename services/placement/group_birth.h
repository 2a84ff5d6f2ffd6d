// GroupBirth: brings this node's replica of the placement driver's group to where it may take part.
//
// Owned by run_placement(), on its event loop. While the group is being born, this node serves
// nothing but what the members ask of one another; afterwards it goes on answering them on the
// node's own server.
#pragma once

#include "core/replica/replica_node.h"
#include "schemas/placement_rpc.h"
#include "services/placement/birth_step.h"
#include "services/placement/placement_service.h"

namespace vectron {

class GroupBirth final : public wire::PlacementPeerHandler {
 public:
  /// All outlive it.
  GroupBirth(Env* env, const PlacementConfig* config, ReplicaNode* node)
      : env_(env), config_(config), node_(node) {}

  /// Returns when the replica is born and may be started; false when `config.stop` was set before.
  /// Errors: data_loss (the replica is gone and must not be made again), unavailable (cannot
  /// listen), those of the disk.
  Task<Result<bool>> run();

  Task<Result<wire::GroupPresenceReply>> group_presence(RequestContext context,
                                                        wire::GroupPresenceRequest) override;

 private:
  wire::GroupPresence own_presence() const;
  Task<Result<bool>> agree();
  /// Empty when the member did not answer, or another one did at its address.
  Task<std::optional<wire::GroupPresence>> ask(PlacementConfig::Member member);
  Task<std::vector<std::optional<wire::GroupPresence>>> ask_others();

  Env* env_;
  const PlacementConfig* config_;
  ReplicaNode* node_;
};

}  // namespace vectron
