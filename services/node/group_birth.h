// GroupBirth: brings this node's replica of a configured group to where it may take part.
//
// Owned by GroupNode, on its event loop. While the group is being born, this node serves nothing
// but what the members ask of one another; afterwards it goes on answering them on the node's own
// server.
#pragma once

#include <map>
#include <string>

#include "core/rpc/cluster_refusals.h"
#include "schemas/raft_rpc.h"
#include "services/node/birth_step.h"
#include "services/node/node_config.h"

namespace vectron {

/// The Raft group of a service, the same in every cluster.
struct ConfiguredGroup {
  GroupId id;
  /// Whose it is, in messages: "the placement driver".
  std::string_view holder;
  /// Its nodes, in messages: "placement".
  std::string_view node_word;
};

class GroupBirth final : public wire::GroupPeerHandler {
 public:
  /// All outlive it.
  GroupBirth(Env* env, const GroupNodeConfig* config, ConfiguredGroup group, ReplicaNode* node)
      : env_(env),
        config_(config),
        group_(group),
        node_(node),
        refusals_(config->members.size() - 1) {}

  /// Returns when the replica is born and may be started; it may be destroyed before. Errors:
  /// data_loss (the replica is gone and must not be made again), unavailable (cannot listen),
  /// failed_precondition (every other member belongs to another cluster), those of the disk.
  Task<Result<void>> run();

  Task<Result<wire::GroupPresenceReply>> group_presence(RequestContext context,
                                                        wire::GroupPresenceRequest) override;

 private:
  ReplicaId self() const { return ReplicaId(config_->node.value()); }
  stored::ReplicaManifest manifest() const;
  std::unexpected<Status> lost() const;
  Status other_cluster() const;
  wire::GroupPresence own_presence() const;
  Task<Result<void>> agree();
  /// Empty when the member did not answer, or another one did at its address.
  Task<std::optional<wire::GroupPresence>> ask(GroupMember member);
  void complain();
  Task<std::vector<std::optional<wire::GroupPresence>>> ask_others();

  Env* env_;
  const GroupNodeConfig* config_;
  ConfiguredGroup group_;
  ReplicaNode* node_;
  /// By the other members.
  rpc::ClusterRefusals refusals_;
  /// Why the others did not answer last.
  std::map<NodeId, std::string> missing_;
};

}  // namespace vectron
