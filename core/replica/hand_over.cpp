#include "core/replica/hand_over.h"

namespace vectron {

std::optional<ReplicaId> hand_over_target(const raft::RaftStatus& status) {
  const raft::RaftStatus::Peer* best = nullptr;
  for (const raft::RaftStatus::Peer& peer : status.peers) {
    const bool able = peer.id != status.self && !peer.learner && peer.recent_active &&
                      peer.state == raft::ProgressState::replicate;
    if (able && (best == nullptr || peer.match > best->match)) best = &peer;
  }
  if (best == nullptr) return std::nullopt;
  return best->id;
}

}  // namespace vectron
