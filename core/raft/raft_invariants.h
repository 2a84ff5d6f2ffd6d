// The whole-state invariants of one Raft member, in one place.
//
// Checked by VECTRON_AUDIT in every ready(), and by the explorer and the simulation after each
// step. What must hold between the members of a group is in safety_checker.h.
#pragma once

#include <optional>
#include <string>

namespace vectron::raft {

class Raft;

struct RaftInvariants {
  /// The first invariant that does not hold, in words; nothing when all do. O(members).
  static std::optional<std::string> violation(const Raft& raft);

 private:
  static const char* positions(const Raft& raft);
  static const char* roles(const Raft& raft);
  static const char* durability(const Raft& raft);
  static const char* log_tail(const Raft& raft);
  static const char* progress(const Raft& raft);
};

}  // namespace vectron::raft
