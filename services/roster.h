// The roster: the services that there are, one row each.
//
// Programs and the simulation read it alike. A new service has a row here, a folder of its own, the
// rows of its options, and a way to draw its configuration in the simulation.
#pragma once

#include <span>
#include <string_view>

#include "services/node/runnable.h"

namespace vectron {

struct Settings;

enum class ServiceId : uint8_t { placement, worker, gateway };

struct Service {
  ServiceId id{};
  /// "worker": the word for one of its nodes, in commands and names.
  std::string_view name;
  /// "workers": for all of them.
  std::string_view plural;
  /// One of its nodes, in a sentence: "A node that holds shards".
  std::string_view meaning;
  /// The number of its first node where nobody chooses numbers. Those of other services are at
  /// least 100 away.
  uint64_t first_node = 0;
  /// Its folder holds what must not be lost. Otherwise it only counts the node's starts.
  bool keeps_data = false;
  /// It answers HTTP itself. For the others the process answers probes.
  bool serves_http = false;
  /// The Raft group of which all its nodes are members; none for a service without one.
  GroupId group;
  /// A node of it as `settings` say.
  Runnable (*configure)(const Settings& settings) = nullptr;
};

/// All services, by their ids.
std::span<const Service> roster();
const Service& service(ServiceId id);
/// Null when there is none of that name.
const Service* find_service(std::string_view name);

}  // namespace vectron
