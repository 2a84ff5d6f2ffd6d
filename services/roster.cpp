#include "services/roster.h"

#include <algorithm>

#include "core/base/assert.h"
#include "services/settings.h"

namespace vectron {
namespace {

Runnable placement_node(const Settings& settings) {
  return {placement_config(settings), &run_placement};
}

Runnable worker_node(const Settings& settings) {
  return {worker_config(settings), &run_worker};
}

Runnable gateway_node(const Settings& settings) {
  return {gateway_config(settings), &run_gateway};
}

constexpr std::array<Service, 3> kRoster = {{
    {.id = ServiceId::placement,
     .name = "placement",
     .plural = "placement",
     .meaning = "A node of the placement driver, which keeps track of everything",
     .first_node = 1,
     .keeps_data = true,
     .group = kPlacementGroup,
     .configure = &placement_node},
    {.id = ServiceId::worker,
     .name = "worker",
     .plural = "workers",
     .meaning = "A node that holds shards",
     .first_node = 101,
     .keeps_data = true,
     .configure = &worker_node},
    {.id = ServiceId::gateway,
     .name = "gateway",
     .plural = "gateways",
     .meaning = "A node that clients connect to",
     .first_node = 201,
     .serves_http = true,
     .configure = &gateway_node},
}};

}  // namespace

std::span<const Service> roster() {
  return kRoster;
}

const Service& service(ServiceId id) {
  const Service& row = kRoster.at(static_cast<size_t>(id));
  VECTRON_ASSERT(row.id == id, "the rows are in the order of their ids");
  return row;
}

const Service* find_service(std::string_view name) {
  const auto found = std::ranges::find(kRoster, name, &Service::name);
  return found == kRoster.end() ? nullptr : &*found;
}

}  // namespace vectron
