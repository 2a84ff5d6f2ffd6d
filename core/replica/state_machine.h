// StateMachine: what a replicated group computes. The placement driver's group and every shard have
// one.
#pragma once

#include "core/async/task.h"
#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/replica/observer.h"

namespace vectron {

class OverlayStore;

/// Where a state machine may keep files of its own, and whose they are.
struct StateHome {
  ReplicaName name;
  /// The replica's; the generations of its store lie in it too.
  std::string folder;
  /// Of the store: files made for another one are worthless.
  uint64_t generation = 0;
};

/// Owned by its Replica, touched on the node's event loop only.
///
/// Deterministic: apply() reads nothing but the command and the store: no clock, no random number,
/// no configuration. So replicas at the same applied index have the same content, which the
/// simulation checks by digest.
class StateMachine {
 public:
  virtual ~StateMachine() = default;

  /// Builds what it keeps in memory from `store`, at the start and again when a snapshot replaced
  /// the store; `store` lives until the next load() or the end of the replica. Nothing is applied
  /// or read meanwhile. May take long, and awaits now and then so that the event loop goes on.
  /// Errors: data_loss (what is stored cannot be read: the replica is fenced); those of the disk.
  virtual Task<Result<void>> load(OverlayStore* store, StateHome home) = 0;

  /// Whether apply() could take the command, as far as the command alone says: it can be read, it
  /// fits this state machine, and what it writes fits into one commit of `commit_bytes_max` bytes.
  /// Asked before an entry of another node enters the log: what it lets through, apply() refuses
  /// with an error only where the store is damaged. Errors: invalid_argument.
  virtual Result<void> check(ByteView command, size_t commit_bytes_max) const = 0;

  /// Whether load() could take this pair of a store, as far as the pair alone says. Asked of what a
  /// snapshot brings before it replaces the store. Errors: invalid_argument, data_loss.
  virtual Result<void> check_pair(ByteView key, ByteView value) const = 0;

  /// Applies the command committed at `index` to the store given to load(). Returns the answer for
  /// whoever proposed it. A command that is refused is a defined answer that leaves the store as it
  /// was; an error means that the store is damaged, and the replica stops.
  virtual Result<Bytes> apply(LogIndex index, ByteView command) = 0;
};

}  // namespace vectron
