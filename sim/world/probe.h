// The start-up check that the key-value library's file calls pass the interposers.
#pragma once

namespace vectron::sim {

/// Commits once to a store of a world of its own, the first time in a process, and aborts with an
/// explanation when the interposers did not see it: then a power loss could not be simulated, and
/// every verdict would be worthless.
void require_interposers();

}  // namespace vectron::sim
