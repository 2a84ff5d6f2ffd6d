// Linearizability of one register, whatever the outcomes of its operations.
//
// The algorithm is just-in-time linearization (Lowe 2017, "Testing for linearizability", after Wing
// and Gong 1993): walk the invocations and returns in real-time order and keep the set of all
// states that some order of the operations so far can have reached; at a return, linearize only
// what must come before it. A state is the register's value and a bitset of the pending operations
// that have taken effect. We differ in four ways, all for speed: a pending operation that changes
// nothing and fits takes effect at once (postponing it never helps); an unknown write takes effect
// only directly before an answer that needs it (anywhere else it could as well not have happened);
// of two states that differ only in which unknown writes they have used up, the one that used a
// subset is kept; and of pending operations with the same effect and answer (writes that no read
// found among them) the one that returns first takes effect first.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vectron::sim {

struct RegisterOperation {
  enum class Kind : uint8_t { write, read, remove };
  Kind kind = Kind::read;
  /// write: what it writes (not 0). read: what it found; 0 is absent.
  uint64_t value = 0;
  /// remove: whether it removed something, when that was answered.
  std::optional<bool> existed;
  /// Position in real-time order.
  uint64_t invoked = 0;
  uint64_t returned = kNeverReturned;
  /// False: it may or may not take effect, at any time after `invoked`.
  bool certain = true;
  /// The caller's own number for it.
  size_t source = 0;

  static constexpr uint64_t kNeverReturned = UINT64_MAX;
};

struct RegisterVerdict {
  enum class Kind : uint8_t {
    linearizable,
    violation,
    /// The search grew beyond its bound.
    inconclusive,
  };
  Kind kind = Kind::linearizable;
  /// violation: the `source` of the operation whose answer no order explains.
  size_t culprit = 0;
  uint64_t states_visited = 0;
};

/// Operations of a register pending at once.
inline constexpr size_t kRegisterPendingMax = 128;
/// States kept at one return.
inline constexpr size_t kRegisterStatesMax = 200'000;

/// Checks the operations of one register that starts absent. Requires: reads are certain; certain
/// operations have returned; invocations and returns are all different.
RegisterVerdict check_register(const std::vector<RegisterOperation>& operations);

}  // namespace vectron::sim
