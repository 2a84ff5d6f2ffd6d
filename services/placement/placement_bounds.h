// Bounds of what the placement driver may have on record. A stranger can register workers and make
// collections as long as nobody asks who it is; it must not use up the memory of a node.
#pragma once

#include <cstddef>

namespace vectron {

inline constexpr size_t kWorkersMax = 4'096;
/// Of an address, a zone, a rack, a host.
inline constexpr size_t kWorkerTextBytesMax = 256;
inline constexpr size_t kCollectionsMax = 65'536;
/// Of all collections together.
inline constexpr size_t kReplicasMax = 262'144;
/// Removed collections of which some worker may still hold data. More removals are refused until
/// workers that are away come back (or placement learns that they never will).
inline constexpr size_t kRemovedCollectionsMax = 10'000;
/// How many replicas of a worker that nobody wants of it are kept in mind at once.
inline constexpr size_t kStrayReportsMax = 1'024;

}  // namespace vectron
