// What is asked of a quiet cluster last: answers that are large, over both protocols.
//
// The workload's own requests and answers are small, and so cost any event loop little whatever is
// done there. These are large enough that their JSON would hold a loop for longer than it may
// (oracle `loop`). They are in no history; what they leave behind is a few points far from the
// workload's.
#pragma once

#include "core/async/task.h"
#include "core/base/result.h"
#include "core/env/env.h"
#include "schemas/codec_work.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

/// Points whose payloads together take 20 ns a byte to become JSON: 11 ms. As messages they are so
/// large that the Cpu pool encodes and decodes them, and a worker reads them in several pieces.
inline constexpr uint32_t kLargePoints = 34;
inline constexpr size_t kLargePayloadBytes = 16 << 10;
static_assert(kLargePoints * kLargePayloadBytes > kPooledMessageBytesMin);

/// A FlexBuffer that holds a text of `bytes` letters. Requires: even, below 65,000.
Bytes text_payload(size_t bytes);

/// Writes the points into the collection at position `collection` of the plan's workload, and asks
/// for all of them. Errors: those of the operations; a refusal for want of memory is one.
Task<Result<void>> ask_for_much(Env* env, const Plan* plan, uint32_t collection);

}  // namespace vectron::sim
