#include "services/daemon/settings_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/need.h"
#include "core/rpc/server.h"
#include "services/daemon/option.h"
#include "services/daemon/option_pairs.h"
#include "services/daemon/options/values.h"
#include "services/daemon/part_check.h"

namespace vectron {
namespace {

// Says how to tell it, too.
Result<void> need_option(bool is_told, std::string_view name, std::string_view why) {
  if (is_told) return {};
  const Option* option = find_option(name);
  VECTRON_ASSERT(option != nullptr, "no option {}", name);
  return fail(Code::invalid_argument,
              fmt::format("{}; say it with {}, with {} in the environment, or with \"{} = ...\" in "
                          "the configuration file",
                          why, option->flag(), option->variable(), name),
              std::string(name));
}

// Listening on all addresses of a machine says nothing of where others find it.
bool is_everywhere(const Address& address) {
  return address.text.starts_with("0.0.0.0:") || address.text.starts_with("[::]:") ||
         address.text.starts_with("*:");
}

std::unexpected<Status> nobody_can_connect(std::string_view name, const Address& address) {
  return fail(Code::invalid_argument,
              fmt::format("{} is {}, where nobody can connect to: say at which address of this "
                          "machine others reach it",
                          name, address.text),
              std::string(name));
}

// Each by itself is fine; the one that was set is more likely the larger one.
Result<void> check_sizes(const GatewayConfig& gateway) {
  if (rpc::is_room_for_frames(gateway.body_bytes_in_flight_max, gateway.frame_bytes_max)) return {};
  return fail(
      Code::invalid_argument,
      fmt::format("frame_bytes_max is {}, and body_bytes_in_flight_max is {}: the latter "
                  "must be at least {} times the former; raise it, or lower "
                  "frame_bytes_max",
                  options::show_bytes(gateway.frame_bytes_max),
                  options::show_bytes(gateway.body_bytes_in_flight_max), rpc::kFramesOfBodies),
      "frame_bytes_max");
}

// Of a process that is one node of a cluster.
Result<void> check_node(const Settings& settings, Role role) {
  const std::vector<GroupMember>& members = settings.members;
  VECTRON_CHECK_OK(need_option(bool(settings.cluster), "cluster",
                               "the number of the cluster is needed, the same everywhere"));
  VECTRON_CHECK_OK(need_option(bool(settings.node), "node",
                               "the number of this node is needed, its own for ever"));
  VECTRON_CHECK_OK(need_option(!members.empty(), "placement",
                               "the placement driver's nodes are needed: NODE=HOST:PORT,..."));
  VECTRON_CHECK_OK(need(members.size() <= GroupNodeConfig::kMembersMax, "placement",
                        fmt::format("placement names {} nodes: a placement driver has 1 to {}",
                                    members.size(), GroupNodeConfig::kMembersMax)));
  const bool listed =
      std::ranges::find(members, settings.node, &GroupMember::node) != members.end();
  VECTRON_CHECK_OK(
      need(role != ServiceId::placement || listed, "placement",
           fmt::format("placement does not name node {}, which this is: it lists all nodes of "
                       "the placement driver, the same everywhere",
                       settings.node)));
  for (const GroupMember& member : members) {
    if (is_everywhere(member.address)) return nobody_can_connect("placement", member.address);
  }
  if (settings.advertise && is_everywhere(*settings.advertise)) {
    return nobody_can_connect("advertise", *settings.advertise);
  }
  const bool is_found =
      role != ServiceId::worker || !is_everywhere(settings.rpc) || settings.advertise.has_value();
  return need_option(
      is_found, "advertise",
      "rpc listens on every address of this machine: say at which one others reach it");
}

}  // namespace

Result<void> check_settings(const Settings& settings, Role role) {
  VECTRON_CHECK_OK(need_option(!settings.data.empty(), "data", "a data folder is needed"));
  if (role.runs(ServiceId::gateway)) VECTRON_CHECK_OK(check_sizes(settings.gateway));
  VECTRON_CHECK_OK(check_option_pairs(settings));
  VECTRON_CHECK_OK(check_parts(settings, role));
  if (role == Role::up) return check_pairs_of_roles(settings);
  return check_node(settings, role);
}

}  // namespace vectron
