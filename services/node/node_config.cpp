#include "services/node/node_config.h"

#include <fmt/format.h>

#include <set>

#include "core/base/need.h"

namespace vectron {

Result<void> NodeConfig::validate() const {
  VECTRON_CHECK_OK(need(bool(cluster), "cluster", "a node belongs to a cluster"));
  VECTRON_CHECK_OK(need(bool(node), "node", "a node has a number, its own for ever"));
  return need_positive(request_timeout, "request_timeout");
}

ReplicaNodeConfig StoringNodeConfig::replica_node() const {
  return {cluster, node, replica, wal, observer, peers};
}

Result<void> StoringNodeConfig::validate() const {
  VECTRON_CHECK_OK(NodeConfig::validate());
  return replica.validate();
}

Result<void> GroupNodeConfig::validate() const {
  VECTRON_CHECK_OK(StoringNodeConfig::validate());
  VECTRON_CHECK_OK(need(!members.empty() && members.size() <= kMembersMax, "members",
                        fmt::format("name 1 to {} members", kMembersMax)));
  std::set<NodeId> nodes;
  std::set<std::string> addresses;
  for (const GroupMember& member : members) {
    VECTRON_CHECK_OK(need(nodes.insert(member.node).second, "members", "a node is named twice"));
    VECTRON_CHECK_OK(need(addresses.insert(member.address.text).second, "members",
                          "two members have one address: name each one's own"));
  }
  return need(nodes.contains(node), "members", "this node is not among the members");
}

}  // namespace vectron
