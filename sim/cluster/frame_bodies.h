// Bodies of forged frames: for each method of each role a message that can be decoded, with fields
// that choices fill.
//
// A field's name says what would be plausible in it (a replica's id, a term, an index), so that
// messages get past the checks of fields and into what lies behind them; each may also be anything.
#pragma once

#include <string>

#include "core/base/ids.h"
#include "core/rpc/method.h"
#include "sim/cluster/frame_program.h"
#include "sim/oracle/replica_watch.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

/// What an eavesdropper knows who makes up messages from `pretended` to `target`.
struct ForgerKnowledge {
  const Plan* plan = nullptr;
  const ReplicaWatch* watch = nullptr;
  NodeId target;
  NodeId pretended;
  /// Of workers' folders, as placement has them on record. A stranger knows none, and no lineages.
  std::vector<uint64_t> folders;
  /// Of placement's states.
  std::vector<uint64_t> lineages;

  /// Learns what placement's log says.
  void read_placement_log();

 private:
  size_t entries_read_ = 0;
};

/// Every method of every role.
const std::vector<const rpc::MethodInfo*>& forged_methods();

/// A body for `method`; of an unknown one whatever `choices` say.
Bytes forged_body(uint32_t method, const ForgerKnowledge& knowledge, Choices* choices);

}  // namespace vectron::sim
