#include "core/replica/hand_over.h"

#include <algorithm>
#include <tuple>

namespace vectron {

std::optional<ReplicaId> hand_over_target(const raft::RaftStatus& status, uint64_t attempt) {
  std::vector<raft::RaftStatus::Peer> able;
  for (const raft::RaftStatus::Peer& peer : status.peers) {
    const bool is_able = peer.id != status.self && !peer.learner && peer.recent_active &&
                         peer.state == raft::ProgressState::replicate;
    if (is_able) able.push_back(peer);
  }
  if (able.empty()) return std::nullopt;
  std::ranges::sort(able, {}, [](const raft::RaftStatus::Peer& peer) {
    return std::tuple(~peer.match.value(), peer.id);
  });
  return able[attempt % able.size()].id;
}

// What is committed is durable at a quorum. Where that goes beyond our own log, we are not part of
// the quorum.
bool others_go_on(const raft::RaftStatus& status) {
  return status.commit_index > status.persisted_index;
}

}  // namespace vectron
