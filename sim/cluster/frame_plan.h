// The small cluster that frames of a stranger are played against.
#pragma once

#include "sim/cluster/run.h"

namespace vectron::sim {

/// One of each role but for three workers, one collection, a light workload and no other fault.
Plan frame_plan();

/// Runs it while a FrameForger plays `bytes`.
RunReport run_frames(ByteView bytes);

}  // namespace vectron::sim
