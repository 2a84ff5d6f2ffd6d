#include <gtest/gtest.h>

#include "sim/oracle/placement_watch.h"
#include "sim/oracle/planted_bugs.h"
#include "sim/oracle/replica_watch.h"

namespace vectron::sim {
namespace {

class ReplicaWatchTest : public ::testing::Test {
 protected:
  ReplicaWatchTest() {
    for (uint64_t replica = 1; replica <= 3; ++replica) start(replica);
  }

  static ReplicaName name(uint64_t replica) {
    return {.group = GroupId(9), .replica = ReplicaId(replica), .node = NodeId(100 + replica)};
  }
  void start(uint64_t replica) {
    raft::SnapshotMeta empty;
    empty.membership.voters = {ReplicaId(1), ReplicaId(2), ReplicaId(3)};
    watch_.on_start(name(replica), {}, empty, {}, LogIndex());
  }
  static raft::Entry entry(uint64_t term, uint64_t index, uint8_t content) {
    return {.term = Term(term),
            .index = LogIndex(index),
            .kind = raft::EntryKind::normal,
            .data = raft::make_payload(Bytes(3, content))};
  }
  void lead(uint64_t replica, uint64_t term) {
    watch_.on_role(name(replica), raft::Role::leader, Term(term), ReplicaId(replica));
  }
  void append(uint64_t replica, const raft::Entry& entry) {
    watch_.on_append(name(replica), std::span(&entry, 1));
  }
  void apply(uint64_t replica, const raft::Entry& entry, uint64_t digest) {
    watch_.on_apply(name(replica), entry, digest);
  }
  std::string verdict() const { return log_.empty() ? "" : log_.kept()[0].oracle; }

  ViolationLog log_;
  ReplicaWatch watch_{[] { return Instant(); }, &log_};
};

TEST_F(ReplicaWatchTest, AcceptsReplicasThatAgree) {
  lead(1, 1);
  const raft::Entry first = entry(1, 1, 7);
  for (uint64_t replica = 1; replica <= 3; ++replica) append(replica, first);
  for (uint64_t replica = 1; replica <= 3; ++replica) apply(replica, first, 42);
  EXPECT_EQ(verdict(), "");
  EXPECT_EQ(watch_.applied_entries(GroupId(9)).size(), 1u);
  EXPECT_EQ(watch_.entries_applied(), 3u);
  EXPECT_TRUE(watch_.applied_entries(GroupId(10)).empty());
}

// Nothing happens to a replica where another node is told to remove it, whether or not it runs.
TEST_F(ReplicaWatchTest, TakesOnlyTheNodeOfAReplicaAtItsWordThatItIsGone) {
  ReplicaName elsewhere = name(1);
  elsewhere.node = NodeId(102);
  watch_.on_dropped(elsewhere);
  EXPECT_FALSE(watch_.was_dropped(ReplicaId(1)));
  watch_.node_stopped(NodeId(101));
  watch_.on_dropped(elsewhere);
  EXPECT_FALSE(watch_.was_dropped(ReplicaId(1)));
  watch_.on_dropped(name(1));
  EXPECT_TRUE(watch_.was_dropped(ReplicaId(1)));
}

TEST_F(ReplicaWatchTest, KnowsWhoseGraphWasNotLookedThroughSince) {
  const auto mend = [&](uint64_t replica) {
    watch_.on_index(name(replica), IndexEvent::mended, LogIndex(1), 0, GraphSight());
  };
  EXPECT_EQ(watch_.not_mended_since(GroupId(9), Instant()), ReplicaId(1));
  mend(1);
  mend(2);
  EXPECT_EQ(watch_.not_mended_since(GroupId(9), Instant()), ReplicaId(3));
  watch_.on_index(name(3), IndexEvent::checkpointed, LogIndex(1), 0, GraphSight());
  EXPECT_EQ(watch_.not_mended_since(GroupId(9), Instant()), ReplicaId(3));
  watch_.node_stopped(NodeId(103));
  EXPECT_EQ(watch_.not_mended_since(GroupId(9), Instant()), std::nullopt);
  EXPECT_EQ(watch_.not_mended_since(GroupId(9), Instant(1ns)), ReplicaId(1));
  EXPECT_EQ(watch_.index_events(IndexEvent::mended), 2u);
}

TEST_F(ReplicaWatchTest, FindsUnequalDigestsAtOneIndex) {
  lead(1, 1);
  const raft::Entry first = entry(1, 1, 7);
  for (uint64_t replica = 1; replica <= 2; ++replica) append(replica, first);
  apply(1, first, 42);
  apply(2, first, 43);
  EXPECT_EQ(verdict(), "replica_digest");
}

TEST_F(ReplicaWatchTest, FindsTwoLeadersOfATerm) {
  lead(1, 1);
  lead(2, 1);
  EXPECT_EQ(verdict(), "raft_safety");
}

TEST_F(ReplicaWatchTest, FindsACommittedEntryThatALaterLeaderLacks) {
  lead(1, 1);
  append(1, entry(1, 1, 7));
  watch_.on_commit(name(1), Term(1), LogIndex(1));
  watch_.node_stopped(NodeId(101));
  lead(2, 2);
  EXPECT_EQ(verdict(), "raft_safety");
}

TEST_F(ReplicaWatchTest, KnowsWhoLeads) {
  EXPECT_FALSE(watch_.busiest_leader().has_value());
  lead(2, 1);
  EXPECT_EQ(watch_.busiest_leader(), NodeId(102));
  EXPECT_EQ(watch_.leader_of(GroupId(9)), NodeId(102));
  watch_.node_stopped(NodeId(102));
  EXPECT_FALSE(watch_.leader_of(GroupId(9)).has_value());
}

TEST(ViolationLog, CountsOnlyWhatItIsToldTo) {
  ViolationLog log;
  log.count_only([](const Violation& violation) { return violation.oracle == oracle::kPeers; });
  for (size_t i = 0; i < 2 * ViolationLog::kViolationsMax; ++i) {
    log.add(oracle::kSearch, Instant(), "what a lie made of it");
  }
  EXPECT_TRUE(log.empty());
  log.add(oracle::kPeers, Instant(), "what needs no trust");
  ASSERT_EQ(log.kept().size(), 1u);
  EXPECT_EQ(log.kept()[0].oracle, oracle::kPeers);
}

CollectionView view(uint64_t epoch, uint64_t invoke, std::vector<std::string> zones) {
  CollectionView out{.name = "a", .id = 1, .epoch = epoch, .replication = 3};
  CollectionView::Shard shard{.shard_id = 1, .hash_low = 0, .hash_high = UINT64_MAX};
  for (uint64_t i = 0; i < zones.size(); ++i) shard.replicas.push_back({i + 1, i + 1, zones[i]});
  out.shards = {shard};
  out.invoke_order = invoke;
  out.return_order = invoke + 1;
  return out;
}

TEST(PlacementWatch, AcceptsReplicasOnDistinctDomains) {
  ViolationLog log;
  PlacementWatch watch(&log);
  watch.see(view(1, 1, {"a", "b", "c"}), 3, Instant());
  watch.see(view(2, 3, {"c", "b", "a"}), 3, Instant());
  EXPECT_TRUE(log.empty());
}

TEST(PlacementWatch, FindsAnEpochThatFalls) {
  ViolationLog log;
  PlacementWatch watch(&log);
  watch.see(view(2, 1, {"a", "b", "c"}), 3, Instant());
  watch.see(view(1, 3, {"a", "b", "c"}), 3, Instant());
  EXPECT_EQ(log.count(), 1u);
}

TEST(PlacementWatch, AcceptsAnOlderEpochFromAQuestionAskedAtTheSameTime) {
  ViolationLog log;
  PlacementWatch watch(&log);
  CollectionView newer = view(2, 1, {"a", "b", "c"});
  newer.return_order = 10;
  watch.see(newer, 3, Instant());
  watch.see(view(1, 3, {"a", "b", "c"}), 3, Instant());
  EXPECT_TRUE(log.empty());
}

TEST(PlacementWatch, FindsReplicasThatShareADomainWithoutNeed) {
  ViolationLog log;
  PlacementWatch three(&log);
  three.see(view(1, 1, {"a", "a", "c"}), 3, Instant());
  EXPECT_EQ(log.count(), 1u);
  ViolationLog fine;
  PlacementWatch two(&fine);
  two.see(view(1, 1, {"a", "a", "c"}), 2, Instant());
  two.see(view(1, 3, {"a", "b", "c"}), 2, Instant());
  EXPECT_TRUE(fine.empty());
}

TEST(PlacementWatch, FindsAHoleInTheHashSpace) {
  ViolationLog log;
  PlacementWatch watch(&log);
  CollectionView holed = view(1, 1, {"a", "b", "c"});
  holed.shards[0].hash_high -= 1;
  watch.see(holed, 3, Instant());
  EXPECT_EQ(log.count(), 1u);
}

TEST(PlantedBugs, AreFoundByOraclesThatExist) {
  EXPECT_GE(planted_bugs().size(), 6u);
  for (const PlantedBug& bug : planted_bugs()) {
    EXPECT_EQ(find_planted_bug(bug.name), &bug);
    for (const std::string_view name : bug.found_by) {
      EXPECT_TRUE(std::ranges::any_of(oracles(), [&](const auto& o) { return o.name == name; }))
          << name;
    }
  }
  EXPECT_EQ(find_planted_bug("none"), nullptr);
}

}  // namespace
}  // namespace vectron::sim
