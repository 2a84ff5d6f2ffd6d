// What a peer may send at once for the event loop to work through: sizes that are looked at before
// anything is decoded.
#pragma once

#include <cstddef>

namespace vectron::rpc {

/// A one-way message has no answer that could say how it fared, and its handler works at once: it
/// is made up to here.
inline constexpr size_t kOneWayBytesMax = 1'408 << 10;
/// What is sent and taken all the same, more is not: nodes of before this bound have made more, and
/// logs may have entries of then. It is decoded on the Cpu pool; the event loop works at its entry
/// for longer than a turn.
inline constexpr size_t kOneWayBytesTaken = 9 << 20;

/// The request of a stream is decoded on the event loop.
inline constexpr size_t kStreamRequestBytesMax = (128 << 10) - 1;

/// So is an error. Of a longer one only the code is read.
inline constexpr size_t kErrorBytesMax = 1 << 20;

/// Frames of one connection that came together are worked through so many bytes a turn of the event
/// loop, or one frame that has more. Each counts for at least kFrameWorkBytesMin.
inline constexpr size_t kFrameBytesPerTurn = 128 << 10;
inline constexpr size_t kFrameWorkBytesMin = 1 << 10;

}  // namespace vectron::rpc
