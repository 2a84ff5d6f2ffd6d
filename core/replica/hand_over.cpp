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

bool others_can_vote(const raft::RaftStatus& status) {
  size_t voters = 0;
  size_t able = 0;
  for (const raft::RaftStatus::Peer& peer : status.peers) {
    if (peer.learner) continue;
    ++voters;
    const bool gets_on =
        peer.match > status.persisted_index || peer.state == raft::ProgressState::snapshot;
    if (peer.id != status.self && peer.recent_active && gets_on) ++able;
  }
  return able > voters / 2;
}

}  // namespace vectron
