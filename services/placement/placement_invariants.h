// The invariants of the placement driver's state, in one place.
//
// violation() is asserted after each command, in every build. contradiction() is asked of what was
// loaded, which may come from another member's snapshot, and after each command where the node is
// watched, as it is in the simulation.
#pragma once

#include <optional>
#include <string>

#include "services/placement/placement_state.h"

namespace vectron {

struct PlacementInvariants {
  /// The first one that a command has broken, in words; nothing when all hold. `before` are the
  /// counters before the command. O(1).
  static std::optional<std::string> violation(const PlacementState& state,
                                              const stored::PlacementCounters& before);
  /// In which way the records contradict each other, or the book them, in words. O(records).
  static std::optional<std::string> contradiction(const PlacementState& state);

 private:
  static const char* counters(const PlacementState& state, const stored::PlacementCounters& before);
  static const char* counts(const PlacementState& state);
  static const char* names(const PlacementState& state);
  static const char* ids(const PlacementState& state);
  static const char* book(const PlacementState& state);
};

}  // namespace vectron
