// The parts of the table of options, a file each. A new service has a part of its own.
//
// A row says its name, which processes take it, what it means, which field of Settings it is, and
// what fits. Meanings can be read alone: docs/configuration.md is a list of them.
#pragma once

#include <vector>

#include "services/daemon/options/values.h"

namespace vectron::options {

using Rows = std::vector<Option>;

/// Processes that are one node of a service of which `has` is true.
template <typename Has>
RoleSet nodes_of(Has has) {
  RoleSet out;
  for (const Service& each : roster()) {
    if (has(each)) out = out | only(each.id);
  }
  return out;
}

inline constexpr RoleSet kUp = only(Role::up);
inline constexpr RoleSet kPlacement = only(ServiceId::placement);
inline constexpr RoleSet kWorker = only(ServiceId::worker);
inline constexpr RoleSet kUpWorker = kUp | kWorker;
inline constexpr RoleSet kUpGateway = kUp | only(ServiceId::gateway);
inline constexpr RoleSet kUpPlacement = kUp | kPlacement;
/// One node of a cluster, whichever.
inline const RoleSet kServed = nodes_of([](const Service&) { return true; });
inline const RoleSet kAll = kUp | kServed;
inline const RoleSet kReplicas =
    kUp | nodes_of([](const Service& each) { return each.keeps_data; });

void add_process(Rows* rows);
void add_identity(Rows* rows);
void add_placement(Rows* rows);
void add_worker(Rows* rows);
void add_gateway(Rows* rows);
void add_replication(Rows* rows);
void add_storage(Rows* rows);

}  // namespace vectron::options
