// The small cluster that frames of a stranger are played against.
#pragma once

#include "sim/cluster/run.h"

namespace vectron::sim {

/// One of each role but for three workers, one collection, a light workload and no other fault.
Plan frame_plan();

/// Whether the promise that is broken holds whatever somebody says who is believed: that no process
/// ends, and what bounds what peers may take of memory and of event loops. Who is told the number
/// of a worker's folder can say that it has started again: that worker is refused then.
bool holds_whoever_lies(const Violation& violation);

/// Runs it while a FrameForger plays `bytes`.
RunReport run_frames(ByteView bytes);

}  // namespace vectron::sim
