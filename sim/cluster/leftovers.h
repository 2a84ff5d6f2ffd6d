// What is left of removed collections once all is quiet: with placement, and on the workers' disks.
#pragma once

#include <optional>
#include <span>

#include "sim/cluster/cluster_nodes.h"
#include "sim/oracle/incarnations.h"
#include "sim/oracle/removal_check.h"

namespace vectron::sim {

/// Something of a removed replica that a running worker still holds in a folder or in its log, or
/// that placement has not forgotten although all of its workers run. Workers that something was
/// destroyed of are left out.
std::optional<Leftover> find_leftover(ClusterNodes& nodes,
                                      std::span<const Incarnation> incarnations);

}  // namespace vectron::sim
