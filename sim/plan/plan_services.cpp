#include "sim/plan/plan_services.h"

#include <algorithm>
#include <array>

namespace vectron::sim {
namespace {

uint32_t copies_of_placement(const Plan& plan) {
  return plan.shape.placement_nodes;
}

// Any workers may hold the replicas of a shard, so the smallest replica set decides.
uint32_t copies_of_shards(const Plan& plan) {
  uint32_t replicas = plan.shape.workers;
  if (plan.profile == "raft") return replicas;
  for (const PlanCollection& collection : plan.workload.collections) {
    replicas = std::min(replicas, collection.replication);
  }
  return replicas;
}

constexpr std::array<PlanService, 3> kServices = {{
    {.name = "placement",
     .plural = "placement",
     .nodes = &PlanShape::placement_nodes,
     .keeps_data = true,
     .copies = &copies_of_placement},
    {.name = "worker",
     .plural = "workers",
     .nodes = &PlanShape::workers,
     .keeps_data = true,
     .copies = &copies_of_shards},
    {.name = "gateway", .plural = "gateways", .nodes = &PlanShape::gateways},
}};

}  // namespace

std::span<const PlanService> plan_services() {
  return kServices;
}

}  // namespace vectron::sim
