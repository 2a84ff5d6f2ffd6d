#include "sim/oracle/removal_check.h"

#include <gtest/gtest.h>

#include "core/wal/wal_format.h"

namespace vectron::sim {
namespace {

constexpr ClusterId kCluster(7);
constexpr NodeId kNode(3);

WalBatch birth_of(uint64_t group, uint64_t replica, uint64_t generation = 1) {
  WalBatch batch;
  batch.group = GroupId(group);
  batch.mark = WalMark{generation, raft::SnapshotMeta(), false};
  batch.mark->meta.membership.voters = {ReplicaId(replica), ReplicaId(900)};
  return batch;
}

WalBatch tombstone_of(uint64_t group, uint64_t replica) {
  WalBatch batch;
  batch.group = GroupId(group);
  batch.dropped_replica = ReplicaId(replica);
  return batch;
}

/// A segment with these records, the first of which is `sequence`.
StoredSegment segment_of(uint64_t number, uint64_t sequence, const std::vector<WalBatch>& batches) {
  const wal_format::SegmentIdentity identity{kCluster, kNode, number};
  StoredSegment segment{number, wal_format::encode_segment_header({identity, sequence})};
  for (const WalBatch& batch : batches) {
    wal_format::RecordHeader header;
    header.sequence = sequence;
    header.durable_sequence = sequence - 1;
    ++sequence;
    wal_format::append_record(&segment.content, identity, segment.content.size(), header, batch);
  }
  return segment;
}

/// Replica 11 of group 1 lives; replica 12 of group 2 was removed.
class RemovalCheck : public ::testing::Test {
 protected:
  RemovalCheck() {
    holdings_.wanted = {{ReplicaId(11), GroupId(1)}};
    holdings_.folders["11"] = {"replica.manifest", "generation-1"};
    set_log({birth_of(1, 11), birth_of(2, 12), tombstone_of(2, 12)});
  }
  void set_log(const std::vector<WalBatch>& batches) {
    holdings_.log = read_stored_log(kCluster, kNode, std::vector{segment_of(1, 1, batches)});
    ASSERT_TRUE(holdings_.log.has_value()) << holdings_.log.error().to_string();
  }
  /// The kind and the text; empty where nothing is left.
  std::string left() const {
    const auto found = leftover_in(holdings_);
    return found.has_value() ? std::string(found->kind) + ": " + found->text : "";
  }
  WorkerHoldings holdings_{.wanted = {}, .folders = {}, .log = StoredLog()};
};

TEST_F(RemovalCheck, ARemovalThatIsCompleteLeavesNothing) {
  EXPECT_EQ(left(), "");
  // A replica that is not born yet has neither folder nor log.
  holdings_.wanted.emplace(13, 3);
  EXPECT_EQ(left(), "");
}

TEST_F(RemovalCheck, AFolderThatIsLeftIsFound) {
  holdings_.folders["12"] = {};
  EXPECT_EQ(left(), ": still holds a folder of replica 12, which is removed");
}

TEST_F(RemovalCheck, AGroupThatTheLogStillNamesIsFound) {
  set_log({birth_of(1, 11), birth_of(2, 12)});
  EXPECT_EQ(left(),
            "log: has a write-ahead log that still names group 2, of which it has no replica "
            "any more");
}

TEST_F(RemovalCheck, WhatComesAfterATombstoneNamesTheGroupAgain) {
  WalBatch late;
  late.group = GroupId(2);
  late.hard_state = raft::HardState{.term = Term(4), .voted_for = ReplicaId(12)};
  set_log({birth_of(1, 11), birth_of(2, 12), tombstone_of(2, 12), late});
  EXPECT_NE(left().find("still names group 2"), std::string::npos) << left();
}

TEST_F(RemovalCheck, ATombstoneOfALivingReplicaIsFound) {
  set_log({birth_of(1, 10), tombstone_of(1, 11), birth_of(1, 11)});
  EXPECT_NE(left().find("tombstone of replica 11 of group 1, which lives"), std::string::npos)
      << left();
}

TEST_F(RemovalCheck, AReplicaThatTheLogForgotIsFound) {
  set_log({birth_of(2, 12), tombstone_of(2, 12)});
  EXPECT_NE(left().find("does not name group 1, of which replica 11 has a folder"),
            std::string::npos)
      << left();
}

TEST_F(RemovalCheck, AReplicaWithoutTheFolderOrGenerationThatTheLogNamesIsFound) {
  set_log({birth_of(1, 11, 2)});
  EXPECT_NE(left().find("in generation-2, which is not there"), std::string::npos) << left();
  holdings_.folders.clear();
  EXPECT_NE(left().find("no folder of its replica 11"), std::string::npos) << left();
}

TEST_F(RemovalCheck, AReplicaThatIsNoMemberByTheLogIsFound) {
  set_log({birth_of(1, 14)});
  EXPECT_NE(left().find("does not say that replica 11 is one of group 1"), std::string::npos)
      << left();
}

TEST_F(RemovalCheck, ALogThatCannotBeReadIsFound) {
  holdings_.log = fail(Code::data_loss, "rotten");
  EXPECT_NE(left().find("cannot be read"), std::string::npos) << left();
}

TEST(ReadStoredLog, GoesOverAllSegmentsAndLeavesATornTailOut) {
  std::vector<StoredSegment> segments = {segment_of(4, 20, {birth_of(1, 11), birth_of(2, 12)}),
                                         segment_of(5, 22, {tombstone_of(2, 12)})};
  auto log = read_stored_log(kCluster, kNode, segments);
  ASSERT_TRUE(log.has_value()) << log.error().to_string();
  EXPECT_EQ(log->groups.size(), 1u);
  EXPECT_EQ(log->dropped, (std::vector<WalDropped>{{GroupId(2), ReplicaId(12)}}));
  segments[1].content.pop_back();
  log = read_stored_log(kCluster, kNode, segments);
  ASSERT_TRUE(log.has_value()) << log.error().to_string();
  EXPECT_EQ(log->groups.size(), 2u);
}

TEST(ReadStoredLog, RefusesASegmentThatIsMissingOrAnothers) {
  const std::vector<StoredSegment> gap = {segment_of(1, 1, {birth_of(1, 11)}),
                                          segment_of(3, 3, {birth_of(2, 12)})};
  EXPECT_EQ(read_stored_log(kCluster, kNode, gap).error().code(), Code::data_loss);
  const std::vector<StoredSegment> lost = {segment_of(1, 1, {birth_of(1, 11)}),
                                           segment_of(2, 3, {birth_of(2, 12)})};
  EXPECT_EQ(read_stored_log(kCluster, kNode, lost).error().code(), Code::data_loss);
  const std::vector<StoredSegment> one = {segment_of(1, 1, {birth_of(1, 11)})};
  EXPECT_EQ(read_stored_log(kCluster, NodeId(4), one).error().code(), Code::failed_precondition);
}

}  // namespace
}  // namespace vectron::sim
