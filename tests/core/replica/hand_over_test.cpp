#include "core/replica/hand_over.h"

#include <gtest/gtest.h>

namespace vectron {
namespace {

using raft::ProgressState;
using raft::RaftStatus;

RaftStatus::Peer peer(uint64_t id, uint64_t match, bool active = true,
                      ProgressState state = ProgressState::replicate, bool learner = false) {
  RaftStatus::Peer out;
  out.id = ReplicaId(id);
  out.match = LogIndex(match);
  out.recent_active = active;
  out.state = state;
  out.learner = learner;
  return out;
}

RaftStatus leader(std::vector<RaftStatus::Peer> peers) {
  RaftStatus status;
  status.self = ReplicaId(1);
  status.peers = std::move(peers);
  return status;
}

TEST(HandOverTarget, IsTheVoterWithMostOfTheLog) {
  EXPECT_EQ(hand_over_target(leader({peer(1, 9), peer(2, 5), peer(3, 8), peer(4, 8)})),
            ReplicaId(3));
}

TEST(HandOverTarget, LeavesOutWhoeverCannotLead) {
  const auto silent = peer(2, 9, false);
  const auto probed = peer(3, 9, true, ProgressState::probe);
  const auto fed = peer(4, 9, true, ProgressState::snapshot);
  const auto learner = peer(5, 9, true, ProgressState::replicate, true);
  EXPECT_EQ(hand_over_target(leader({peer(1, 9), silent, probed, fed, learner, peer(6, 1)})),
            ReplicaId(6));
  EXPECT_EQ(hand_over_target(leader({peer(1, 9), silent})), std::nullopt);
  EXPECT_EQ(hand_over_target(leader({peer(1, 9)})), std::nullopt);
  const auto three = leader({peer(1, 9), peer(2, 5), peer(3, 8), peer(4, 8)});
  EXPECT_EQ(hand_over_target(three, 1), ReplicaId(4));
  EXPECT_EQ(hand_over_target(three, 2), ReplicaId(2));
  EXPECT_EQ(hand_over_target(three, 3), ReplicaId(3));
}

TEST(OthersGoOn, WhenAQuorumHasWhatTheLeaderHasNot) {
  RaftStatus status = leader({peer(1, 4), peer(2, 5), peer(3, 4)});
  status.persisted_index = LogIndex(4);
  status.commit_index = LogIndex(4);
  EXPECT_FALSE(others_go_on(status)) << "one more has it: no quorum without this leader's vote";
  status.commit_index = LogIndex(5);
  EXPECT_TRUE(others_go_on(status));
}

}  // namespace
}  // namespace vectron
