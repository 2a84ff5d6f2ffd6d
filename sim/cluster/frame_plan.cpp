#include "sim/cluster/frame_plan.h"

#include "sim/cluster/cluster_nodes.h"

namespace vectron::sim {

Plan frame_plan() {
  Plan plan;
  plan.seed = 1;
  plan.shape = {.placement_nodes = 1, .workers = 3, .gateways = 1, .clients = 1, .zones = 1};
  PlanCollection collection;
  collection.shards = 1;
  collection.keys = 20;
  plan.workload.collections = {collection};
  plan.workload.operations_per_second = 20;
  plan.workload.duration_ms = 2'500;
  plan.loaded = {.from_ms = 0, .to_ms = 2'500};
  return plan;
}

bool holds_whoever_lies(const Violation& violation) {
  return violation.kind == kEndedByItself || violation.oracle == oracle::kBounds ||
         violation.oracle == oracle::kPeers || violation.oracle == oracle::kLoop;
}

RunReport run_frames(ByteView bytes) {
  RunOptions options;
  options.forged_frames = bytes;
  return run_plan(frame_plan(), options);
}

}  // namespace vectron::sim
