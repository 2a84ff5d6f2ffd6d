#include "services/daemon/settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/assert.h"
#include "core/base/need.h"
#include "core/rpc/server.h"
#include "net/process_limits.h"
#include "services/daemon/machine_memory.h"
#include "services/daemon/option.h"
#include "services/daemon/option_pairs.h"
#include "services/daemon/option_values.h"
#include "services/daemon/part_check.h"

namespace vectron {
namespace {

constexpr size_t kPlacementNodesMax = 7;
constexpr uint64_t kReplicaBytes = 512 << 10;  // Of memory, for a copy that is nearly empty.

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

}  // namespace

std::string_view role_name(Role role) {
  constexpr std::array<std::string_view, 4> kNames = {"up", "placement", "worker", "gateway"};
  return kNames[static_cast<size_t>(role)];
}

std::optional<Address> Settings::http_of(Role role) const {
  if (http_said || role != Role::up) return http;
  return Address{"127.0.0.1:8080"};
}

Result<void> Settings::validate(Role role) const {
  VECTRON_CHECK_OK(need_option(!data.empty(), "data", "a data folder is needed"));
  if (role == Role::up || role == Role::gateway) VECTRON_CHECK_OK(check_sizes(gateway));
  VECTRON_CHECK_OK(check_option_pairs(*this));
  VECTRON_CHECK_OK(check_parts(*this, role));
  if (role == Role::up) return check_pairs_of_roles(*this);
  VECTRON_CHECK_OK(need_option(bool(cluster), "cluster",
                               "the number of the cluster is needed, the same everywhere"));
  VECTRON_CHECK_OK(
      need_option(bool(node), "node", "the number of this node is needed, its own for ever"));
  VECTRON_CHECK_OK(need_option(!members.empty(), "placement",
                               "the placement driver's nodes are needed: NODE=HOST:PORT,..."));
  VECTRON_CHECK_OK(need(members.size() <= kPlacementNodesMax, "placement",
                        fmt::format("placement names {} nodes: a placement driver has 1 to {}",
                                    members.size(), kPlacementNodesMax)));
  const bool listed =
      std::ranges::find(members, node, &PlacementConfig::Member::node) != members.end();
  VECTRON_CHECK_OK(
      need(role != Role::placement || listed, "placement",
           fmt::format("placement does not name node {}, which this is: it lists all nodes of "
                       "the placement driver, the same everywhere",
                       node)));
  for (const PlacementConfig::Member& member : members) {
    if (is_everywhere(member.address)) return nobody_can_connect("placement", member.address);
  }
  if (advertise && is_everywhere(*advertise)) return nobody_can_connect("advertise", *advertise);
  const bool is_found = role != Role::worker || !is_everywhere(rpc) || advertise.has_value();
  return need_option(
      is_found, "advertise",
      "rpc listens on every address of this machine: say at which one others reach it");
}

PlacementConfig placement_config(const Settings& settings) {
  PlacementConfig config = settings.placement;
  config.cluster = settings.cluster;
  config.node = settings.node;
  config.listen = settings.rpc;
  config.members = settings.members;
  config.bootstrap = settings.bootstrap;
  config.request_timeout = settings.request_timeout;
  config.drain_timeout = settings.drain_max;
  config.replica = settings.replica;
  config.wal = settings.wal;
  return config;
}

WorkerConfig worker_config(const Settings& settings, uint64_t workers) {
  WorkerConfig config = settings.worker;
  config.cluster = settings.cluster;
  config.node = settings.node;
  config.listen = settings.rpc;
  config.advertise = settings.advertise;
  config.placement = settings.members;
  config.request_timeout = settings.request_timeout;
  config.drain_timeout = settings.drain_max;
  config.replica = settings.replica;
  config.wal = settings.wal;
  if (config.memory_bytes_max == 0) {
    config.memory_bytes_max = worker_memory_bytes_default(machine_memory_bytes(), workers);
  }
  const uint64_t open = replicas_for(descriptors_max()) / std::max<uint64_t>(workers, 1);
  config.replicas_open_max = std::max<uint64_t>(open, 1);
  const uint64_t wanted =
      config.replicas_max == 0 ? config.memory_bytes_max / kReplicaBytes : config.replicas_max;
  config.replicas_max = std::clamp<uint64_t>(wanted, 1, config.replicas_open_max);
  return config;
}

GatewayConfig gateway_config(const Settings& settings) {
  GatewayConfig config = settings.gateway;
  config.cluster = settings.cluster;
  config.node = settings.node;
  config.listen = settings.rpc;
  config.http_listen = settings.http_of(Role::gateway);
  config.version = VECTRON_VERSION;
  config.placement = settings.members;
  config.request_timeout = settings.request_timeout;
  config.drain_timeout = settings.drain_max;
  return config;
}

}  // namespace vectron
