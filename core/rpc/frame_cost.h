// What it is taken to cost a server's event loop to take one frame of a connection
// (core/env/cpu.h), besides what the frame asks for.
#pragma once

#include "core/env/cpu.h"
#include "core/rpc/frame.h"

namespace vectron::rpc {

/// Finding its end, its checksum, looking up what it is about, and refusing it: upper bounds of
/// what was measured, the processor time of a thread over 20,000 frames that came together. 40 ns a
/// ping or a cancel, 140 a one-way message, 330 a request; 730 one that is begun.
inline CpuCost frame_cost(FrameKind kind, size_t body_bytes) {
  const uint64_t checking = body_bytes / 4;
  if (kind == FrameKind::request) return {.nanoseconds = 800 + checking};
  if (kind == FrameKind::one_way) return {.nanoseconds = 200 + checking};
  return {.nanoseconds = 50 + checking};
}

}  // namespace vectron::rpc
