// Programs for a fuzzer to begin with: each role, each method, each kind of peer.
#pragma once

#include "sim/cluster/frame_program.h"

namespace vectron::sim {

/// The same at each call.
std::vector<FrameProgram> frame_seeds();

}  // namespace vectron::sim
