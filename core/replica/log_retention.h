// LogRetention: for which followers a leader's log waits before it is cut.
//
// A follower that is behind, or that a snapshot is on the way to, needs the entries that come after
// what it has. Cutting them off would make the next snapshot necessary before the last one has
// arrived, and so on for ever. Owned by a Replica; the bound in bytes is compaction_index()'s.
#pragma once

#include <cstdint>
#include <map>

#include "core/raft/raft.h"

namespace vectron {

class LogRetention {
 public:
  /// A follower that was not heard for `silent_ticks_max` is not waited for: nobody knows whether
  /// it comes back.
  explicit LogRetention(uint32_t silent_ticks_max) : silent_ticks_max_(silent_ticks_max) {}

  /// A tick has passed at the leader with this status; at anybody else, it is forgotten who was
  /// silent. Snapshots are on their way until sent() or forget_all().
  void tick(const raft::RaftStatus& status);
  /// A snapshot of this index is on its way to `follower`.
  void sending(ReplicaId follower, LogIndex snapshot_index) { sending_[follower] = snapshot_index; }
  /// It is not on its way any more.
  void sent(ReplicaId follower) { sending_.erase(follower); }
  void forget_all() { sending_.clear(); }

  /// The first entry that somebody waits for; beyond the end of the log when nobody does.
  LogIndex needed_from(const raft::RaftStatus& status) const;

 private:
  uint32_t silent_ticks_max_;
  std::map<ReplicaId, uint32_t> silent_ticks_;
  std::map<ReplicaId, LogIndex> sending_;
};

}  // namespace vectron
