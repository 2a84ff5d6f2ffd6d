#include "core/replica/log_retention.h"

#include <algorithm>

namespace vectron {

void LogRetention::tick(const raft::RaftStatus& status) {
  if (status.role != raft::Role::leader) return silent_ticks_.clear();
  for (const raft::RaftStatus::Peer& peer : status.peers) {
    uint32_t& silent = silent_ticks_[peer.id];
    silent = peer.recent_active ? 0 : silent + 1;
  }
}

LogIndex LogRetention::needed_from(const raft::RaftStatus& status) const {
  LogIndex needed = status.last_index + 1;
  for (const raft::RaftStatus::Peer& peer : status.peers) {
    if (peer.id == status.self) continue;
    const auto silent = silent_ticks_.find(peer.id);
    if (silent != silent_ticks_.end() && silent->second > silent_ticks_max_) continue;
    const auto snapshot = sending_.find(peer.id);
    // One that the log does not reach will have a snapshot of an index that is in the log.
    const LogIndex has = snapshot != sending_.end() && peer.state == raft::ProgressState::snapshot
                             ? std::max(snapshot->second, peer.match)
                             : peer.match;
    needed = std::min(needed, std::max(has + 1, status.first_index));
  }
  return needed;
}

}  // namespace vectron
