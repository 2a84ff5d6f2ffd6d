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

TEST(OthersCanVote, WhenAQuorumOfThemHasWhatTheLeaderHasNot) {
  const auto can_vote = [](std::vector<RaftStatus::Peer> peers) {
    RaftStatus status = leader(std::move(peers));
    status.persisted_index = LogIndex(4);
    return others_can_vote(status);
  };
  EXPECT_FALSE(can_vote({peer(1, 4), peer(2, 5), peer(3, 4)})) << "3 may stand still, too";
  EXPECT_TRUE(can_vote({peer(1, 4), peer(2, 5), peer(3, 5)}));
  EXPECT_FALSE(can_vote({peer(1, 4), peer(2, 5), peer(3, 5, false)})) << "3 is silent";
  EXPECT_TRUE(can_vote({peer(1, 4), peer(2, 5), peer(3, 2, true, ProgressState::snapshot)}));
  const auto learner = peer(3, 5, true, ProgressState::replicate, true);
  EXPECT_FALSE(can_vote({peer(1, 4), peer(2, 5), learner, peer(4, 1)}));
  EXPECT_FALSE(can_vote({peer(1, 4), peer(2, 5), peer(3, 5), peer(4, 4)})) << "two of four";
  EXPECT_FALSE(can_vote({peer(1, 4)}));
}

}  // namespace
}  // namespace vectron
