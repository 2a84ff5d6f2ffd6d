// How large the memory map of a key-value store is (docs/decisions/0046-maps-grow.md).
//
// Pure.
#pragma once

#include <cstdint>

namespace vectron::detail {

/// A map of so many bytes is not grown in steps any more: to move it would hold the event loop for
/// as long as the kernel takes to give up its pages, some milliseconds from here on.
inline constexpr uint64_t kSteppedMapBytesMax = uint64_t{256} << 20;

/// The map that follows one of `bytes`, which is full: twice as large, and beyond
/// kSteppedMapBytesMax at once all that it may ever be. Requires: 0 < bytes < bytes_max.
uint64_t next_map_bytes(uint64_t bytes, uint64_t bytes_max);

/// The map of a store that opens with a file of `file_bytes`: the smallest of those that follow
/// `bytes_start` with as much room again. Requires: 0 < bytes_start.
uint64_t map_bytes_for(uint64_t file_bytes, uint64_t bytes_start, uint64_t bytes_max);

}  // namespace vectron::detail
