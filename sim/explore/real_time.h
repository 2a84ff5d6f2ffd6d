// The machine's clocks, for reports and the watchdog of the explorer. Nothing inside a simulated
// run sees them.
#pragma once

#include <cstdint>

namespace vectron::sim {

/// Nanoseconds of a clock that never goes back.
uint64_t wall_nanoseconds();

}  // namespace vectron::sim
