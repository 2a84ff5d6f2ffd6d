// What a peer may send at once for the event loop to work through: sizes that are looked at before
// anything is decoded.
#pragma once

#include <cstddef>

namespace vectron::rpc {

/// A one-way message has no answer that could say how it fared, and its handler works at once: it
/// is taken up to here. More is neither sent nor taken.
inline constexpr size_t kOneWayBytesMax = 1'408 << 10;

/// The request of a stream is decoded on the event loop.
inline constexpr size_t kStreamRequestBytesMax = (128 << 10) - 1;

/// So is an error. Of a longer one only the code is read.
inline constexpr size_t kErrorBytesMax = 1 << 20;

/// Frames of one connection that came together are worked through so many bytes a turn of the event
/// loop, or one frame that has more. Each counts for at least kFrameWorkBytesMin.
inline constexpr size_t kFrameBytesPerTurn = 128 << 10;
inline constexpr size_t kFrameWorkBytesMin = 1 << 10;

}  // namespace vectron::rpc
