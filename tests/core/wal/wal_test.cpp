#include "core/wal/wal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/wal/wal_test_log.h"

namespace vectron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Wal, RecoversWhatWasWritten) {
  TestLog log;
  log.open();
  EXPECT_TRUE(log.opened.groups.empty());
  WalBatch first = mark_batch(1, 4, 0, 0);
  first.hard_state = raft::HardState{Term(2), ReplicaId(9), LogIndex(1)};
  first.entries = {make_entry(1, 1, "one"), make_entry(2, 2, "")};
  first.entries[1].kind = raft::EntryKind::noop;
  ASSERT_TRUE(log.write(first).has_value());
  ASSERT_TRUE(log.write(entries_batch(2, 1, 1, 5, "other")).has_value());
  log.crash(CrashMode::drop_unsynced);
  log.open();
  ASSERT_EQ(log.opened.groups.size(), 2u);
  const WalGroupState& one = log.group(1);
  EXPECT_EQ(one.hard_state, *first.hard_state);
  EXPECT_EQ(*one.mark, *first.mark);
  EXPECT_THAT(texts(one.entries), ElementsAre("1@1:one", "2@2:"));
  EXPECT_EQ(one.entries[1].kind, raft::EntryKind::noop);
  EXPECT_FALSE(log.group(2).mark.has_value());
  EXPECT_THAT(texts(log.group(2).entries), ElementsAre("1@5:other"));
  EXPECT_EQ(log.opened.torn_bytes, 0u);
}

TEST(Wal, EntriesReplaceTheSuffixFromTheirFirstIndexOn) {
  TestLog log;
  log.open();
  ASSERT_TRUE(log.write(entries_batch(1, 1, 5, 1, "old")).has_value());
  ASSERT_TRUE(log.write(entries_batch(1, 3, 1, 2, "new")).has_value());
  log.open();
  EXPECT_THAT(texts(log.group(1).entries), ElementsAre("1@1:old", "2@1:old", "3@2:new"));
}

TEST(Wal, AMarkOfCompactionKeepsLaterEntriesAndOneOfASnapshotInstallDoesNot) {
  TestLog log;
  log.open();
  for (const uint64_t group : {1, 2}) {
    ASSERT_TRUE(log.write(entries_batch(group, 1, 5, 1, "x")).has_value());
    ASSERT_TRUE(log.write(mark_batch(group, 2, 3, 1, group == 2)).has_value());
  }
  ASSERT_TRUE(log.write(entries_batch(2, 4, 1, 9, "after")).has_value());
  log.open();
  EXPECT_THAT(texts(log.group(1).entries), ElementsAre("4@1:x", "5@1:x"));
  EXPECT_EQ(log.group(1).mark->generation, 2u);
  EXPECT_THAT(texts(log.group(2).entries), ElementsAre("4@9:after"));
}

TEST(Wal, OneSyncServesEveryoneWhoWaits) {
  TestLog log;
  log.open();
  TaskGroup tasks(log.env.scheduler());
  int acknowledged = 0;
  auto write = [](Wal* wal, uint64_t group, int* count) -> Task<void> {
    for (uint64_t index = 1; index <= 10; ++index) {
      const auto result = co_await wal->append_and_sync(entries_batch(group, index, 1, 1, "x"));
      if (result.has_value()) ++*count;
    }
  };
  for (uint64_t group = 1; group <= 100; ++group) {
    tasks.spawn(write(&log.wal(), group, &acknowledged));
  }
  log.env.run_all();
  EXPECT_EQ(acknowledged, 1000);
  EXPECT_LE(log.wal().syncs(), 11u);
  EXPECT_EQ(log.env.metrics().value(Metric::wal_syncs), log.wal().syncs());
}

TEST(Wal, AcknowledgesNothingBeforeItsSync) {
  TestLog log;
  log.open();
  const auto ticket = log.wal().append(entries_batch(1, 1, 1, 1, "x"));
  while (log.wal().durable_ticket() < *ticket) {
    EXPECT_EQ(log.env.disk().sync_count, 0u);
    log.env.try_run_one();
    if (log.env.disk().sync_count > 0) break;
  }
  EXPECT_EQ(log.env.disk().sync_count, 1u);
}

TEST(Wal, ASyncFailureStopsTheLogForEveryone) {
  TestLog log;
  log.open();
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  log.env.disk().syncs_until_error = 0;
  std::vector<Code> codes;
  TaskGroup tasks(log.env.scheduler());
  auto write = [](Wal* wal, uint64_t group, std::vector<Code>* out) -> Task<void> {
    const auto result = co_await wal->append_and_sync(entries_batch(group, 1, 1, 1, "x"));
    out->push_back(status_of(result).code());
  };
  for (uint64_t group = 2; group <= 6; ++group) tasks.spawn(write(&log.wal(), group, &codes));
  log.env.run_all();
  EXPECT_EQ(codes, std::vector<Code>(5, Code::data_loss));
  // The disk works again, but the log must not believe it.
  log.env.disk().syncs_until_error = -1;
  EXPECT_EQ(log.wal().append(entries_batch(1, 2, 1, 1, "x")).error().code(), Code::data_loss);
  EXPECT_EQ(log.env.run(log.wal().wait_for_room()).error().code(), Code::data_loss);
  EXPECT_FALSE(log.wal().failure().ok());
}

TEST(Wal, AWriteErrorStopsTheLog) {
  TestLog log;
  log.open();
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  log.env.disk().writes_until_error = 0;
  EXPECT_EQ(log.write(entries_batch(1, 2, 1, 1, "y")).error().code(), Code::data_loss);
  log.env.disk().writes_until_error = -1;
  log.crash(CrashMode::process_kill);
  log.open();
  EXPECT_THAT(texts(log.group(1).entries), ElementsAre("1@1:x"));
  EXPECT_GT(log.opened.torn_bytes, 0u);
}

TEST(Wal, WaitsWhileTheDiskIsFullAndGoesOnWhenThereIsSpace) {
  TestLog log;
  log.open();
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  log.env.disk().capacity_bytes = log.wal().size_bytes() + 10;
  const auto ticket = log.wal().append(entries_batch(1, 2, 1, 1, "y"));
  log.env.run_for(2s);
  EXPECT_LT(log.wal().durable_ticket(), *ticket);
  EXPECT_TRUE(log.wal().failure().ok());
  log.env.disk().capacity_bytes = UINT64_MAX;
  log.env.run_for(1s);
  EXPECT_EQ(log.wal().durable_ticket(), *ticket);
  log.crash(CrashMode::drop_unsynced);
  log.open();
  EXPECT_THAT(texts(log.group(1).entries), ElementsAre("1@1:x", "2@1:y"));
}

TEST(Wal, SmallWritesFindZerosBehindTheRecordsAndDoNotGrowTheFile) {
  TestLog log;
  log.config.prefill_bytes = 4'000;
  log.config.segment_bytes_max = 10'000;
  log.open();
  const auto file_bytes = [&] { return log.env.disk().content(TestLog::path(1)).size(); };
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  const size_t filled = file_bytes();
  EXPECT_EQ(filled, log.wal().size_bytes() + 4'000);
  uint64_t index = 2;
  while (log.wal().size_bytes() < 4'000) {
    ASSERT_TRUE(log.write(entries_batch(1, index++, 1, 1, "y")).has_value());
    EXPECT_EQ(file_bytes(), filled);
  }
  while (log.wal().size_bytes() < 9'500) {
    ASSERT_TRUE(log.write(entries_batch(1, index++, 1, 1, "z")).has_value());
    EXPECT_LE(file_bytes(), 10'000u) << "no zeros beyond the segment's end";
  }
  log.crash(CrashMode::drop_unsynced);
  log.open();
  EXPECT_EQ(log.group(1).entries.size(), index - 1);
  EXPECT_EQ(log.opened.torn_bytes, 0u);
}

TEST(Wal, ALargeWriteHasNoZerosBehindIt) {
  TestLog log;
  log.config.prefill_bytes = 4'000;
  log.open();
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, std::string(100'000, 'x'))).has_value());
  EXPECT_EQ(log.env.disk().content(TestLog::path(1)).size(), log.wal().size_bytes());
}

TEST(Wal, DoesWithoutZerosWhereTheDiskHasNoRoomForThem) {
  TestLog log;
  log.config.prefill_bytes = 4'000;
  log.open();
  log.env.disk().capacity_bytes = 1'000;
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  ASSERT_TRUE(log.write(entries_batch(1, 2, 1, 1, "y")).has_value());
  EXPECT_EQ(log.env.metrics().value(Metric::wal_syncs), 2u);
  log.crash(CrashMode::drop_unsynced);
  log.open();
  EXPECT_THAT(texts(log.group(1).entries), ElementsAre("1@1:x", "2@1:y"));
}

TEST(Wal, RefusesMoreThanItsQueueAndAppendAndSyncWaits) {
  TestLog log;
  log.config.queue_bytes_max = 10'000;
  log.config.write_bytes_max = 2'000;
  log.open();
  const std::string data(1000, 'x');
  Status refused;
  uint64_t index = 1;
  for (; refused.ok() && index < 100; ++index) {
    refused = status_of(log.wal().append(entries_batch(1, index, 1, 1, data)));
  }
  EXPECT_EQ(refused.code(), Code::resource_exhausted);
  EXPECT_LT(index, 15u);
  EXPECT_TRUE(log.write(entries_batch(2, 1, 1, 1, data)).has_value());
  // A batch above the limit is taken alone.
  EXPECT_TRUE(log.write(entries_batch(2, 2, 1, 1, std::string(50'000, 'x'))).has_value());
}

TEST(Wal, WhatRecoveryReadsIsDurableFromThenOn) {
  TestLog log;
  log.open();
  ASSERT_TRUE(log.write(hard_state_batch(1, 1, 0)).has_value());
  const auto ticket = log.wal().append(hard_state_batch(1, 2, 5));
  while (log.env.disk().write_count < 2) log.env.try_run_one();
  ASSERT_LT(log.wal().durable_ticket(), *ticket);
  log.crash(CrashMode::process_kill);
  log.open();
  ASSERT_EQ(log.group(1).hard_state.voted_for, ReplicaId(5));
  // The node may have told others of its vote by now; then the power goes.
  log.crash(CrashMode::drop_unsynced);
  log.open();
  EXPECT_EQ(log.group(1).hard_state.voted_for, ReplicaId(5));
}

TEST(Wal, TheSyncThatIsSkippedOnPurposeLosesAcknowledgedWrites) {
  TestLog log;
  log.env.planted_bugs.insert("wal_skip_sync");
  log.open();
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  log.crash(CrashMode::drop_unsynced);
  log.open();
  EXPECT_TRUE(log.opened.groups.empty());
}

TEST(Wal, TheTailThatIsLostOnPurposeIsLostSilently) {
  TestLog log;
  log.open();
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  ASSERT_TRUE(log.write(entries_batch(1, 2, 1, 1, "y")).has_value());
  log.env.planted_bugs.insert("wal_lose_tail");
  log.open();
  EXPECT_THAT(texts(log.group(1).entries), ElementsAre("1@1:x"));
}

// ---------------------------------------------------------------------------------- tombstones

TEST(Wal, ADroppedGroupStaysDroppedUntilItComesBackAsAnotherReplica) {
  TestLog log;
  log.open();
  ASSERT_TRUE(log.write(mark_batch(1, 1, 0, 0)).has_value());
  ASSERT_TRUE(log.write(entries_batch(1, 1, 3, 1, "x")).has_value());
  ASSERT_TRUE(log.write(dropped_batch(1, 11)).has_value());
  log.open();
  EXPECT_TRUE(log.opened.groups.empty());
  EXPECT_THAT(log.opened.dropped, ElementsAre(WalDropped{GroupId(1), ReplicaId(11)}));
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 5, "new")).has_value());
  log.open();
  EXPECT_THAT(texts(log.group(1).entries), ElementsAre("1@5:new"));
  EXPECT_EQ(log.opened.dropped.size(), 1u);
}

TEST(Wal, ATombstoneOutlivesItsSegmentUntilItIsForgotten) {
  TestLog log;
  log.config.segment_bytes_max = 2048;
  log.config.retention_bytes_max = 8192;
  log.open();
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  ASSERT_TRUE(log.write(dropped_batch(1, 11)).has_value());
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 7, "again")).has_value());
  const auto fill = [&] {
    const uint64_t until = log.wal().oldest_segment() + 3;
    for (int i = 0; log.wal().oldest_segment() < until && i < 200; ++i) {
      ASSERT_TRUE(log.write(hard_state_batch(2, 1, 1)).has_value());
    }
    ASSERT_GE(log.wal().oldest_segment(), until);
  };
  fill();
  log.open();
  EXPECT_EQ(log.opened.dropped.size(), 1u);
  EXPECT_THAT(texts(log.group(1).entries), ElementsAre("1@7:again"));
  log.wal().forget_dropped(GroupId(1), ReplicaId(11));
  fill();
  log.open();
  EXPECT_TRUE(log.opened.dropped.empty());
  EXPECT_THAT(texts(log.group(1).entries), ElementsAre("1@7:again"));
}

// ------------------------------------------------------------------------------------ reclaim

class WalReclaim : public ::testing::Test {
 protected:
  WalReclaim() {
    log_.config.segment_bytes_max = 4096;
    log_.config.retention_bytes_max = 16'384;
  }
  /// A busy group that releases what it wrote.
  void churn(int count) {
    for (int i = 0; i < count; ++i) {
      ++busy_index_;
      ASSERT_TRUE(
          log_.write(entries_batch(99, busy_index_, 1, 1, std::string(300, 'b'))).has_value());
      log_.wal().release(GroupId(99), LogIndex(busy_index_));
    }
    log_.env.run_for(1s);
  }
  TestLog log_;
  uint64_t busy_index_ = 0;
};

TEST_F(WalReclaim, AnIdleGroupPinsNothing) {
  log_.open();
  WalBatch idle = mark_batch(1, 3, 10, 2);
  idle.hard_state = raft::HardState{Term(2), ReplicaId(1), LogIndex(10)};
  idle.entries = {make_entry(11, 2, "idle")};
  ASSERT_TRUE(log_.write(idle).has_value());
  churn(200);
  EXPECT_GT(log_.wal().oldest_segment(), 5u);
  EXPECT_LE(log_.wal().segment_count(), 4u);
  EXPECT_FALSE(log_.wal().over_retention());
  EXPECT_EQ(log_.env.disk().paths().size(), log_.wal().segment_count());
  log_.crash(CrashMode::drop_unsynced);
  log_.open();
  EXPECT_EQ(log_.group(1).hard_state, *idle.hard_state);
  EXPECT_EQ(*log_.group(1).mark, *idle.mark);
  EXPECT_THAT(texts(log_.group(1).entries), ElementsAre("11@2:idle"));
}

TEST_F(WalReclaim, EntriesOfALaggingGroupAreRewrittenBehindItsNewerOnes) {
  log_.open();
  ASSERT_TRUE(log_.write(entries_batch(1, 1, 3, 1, "a")).has_value());
  churn(10);
  ASSERT_TRUE(log_.write(entries_batch(1, 3, 3, 2, "b")).has_value());
  churn(10);
  ASSERT_TRUE(log_.write(entries_batch(1, 6, 1, 2, "c")).has_value());
  churn(100);
  EXPECT_GT(log_.wal().oldest_segment(), 5u);
  log_.crash(CrashMode::drop_unsynced);
  log_.open();
  EXPECT_THAT(texts(log_.group(1).entries),
              ElementsAre("1@1:a", "2@1:a", "3@2:b", "4@2:b", "5@2:b", "6@2:c"));
}

TEST_F(WalReclaim, ReleasedEntriesMoveTheBaseOfTheLog) {
  log_.open();
  ASSERT_TRUE(log_.write(mark_batch(1, 3, 0, 0)).has_value());
  ASSERT_TRUE(log_.write(entries_batch(1, 1, 10, 4, "a")).has_value());
  log_.wal().release(GroupId(1), LogIndex(7));
  churn(100);
  log_.open();
  EXPECT_EQ(log_.group(1).mark->meta.index, LogIndex(7));
  EXPECT_EQ(log_.group(1).mark->meta.term, Term(4));
  EXPECT_EQ(log_.group(1).mark->generation, 3u);
  EXPECT_EQ(log_.group(1).mark->meta.membership.voters.size(), 2u);
  EXPECT_THAT(texts(log_.group(1).entries), ElementsAre("8@4:a", "9@4:a", "10@4:a"));
}

TEST_F(WalReclaim, AGroupThatReleasesNothingIsNamedWhenTheLogIsTooLarge) {
  log_.open();
  uint64_t index = 0;
  while (!log_.wal().over_retention() && index < 1000) {
    ++index;
    ASSERT_TRUE(log_.write(entries_batch(1, index, 1, 1, std::string(500, 'x'))).has_value());
  }
  ASSERT_TRUE(log_.wal().over_retention());
  const std::vector<WalPinning> pinning = log_.wal().groups_pinning();
  ASSERT_EQ(pinning.size(), 1u);
  EXPECT_EQ(pinning[0].group, GroupId(1));
  EXPECT_EQ(pinning[0].oldest_needed, LogIndex(1));
  EXPECT_GT(pinning[0].live_bytes, 2000u);
  log_.wal().release(GroupId(1), LogIndex(index));
  log_.env.run_for(1s);
  EXPECT_FALSE(log_.wal().over_retention());
  EXPECT_EQ(log_.wal().segment_count(), 1u);
}

TEST_F(WalReclaim, ManyRestartsDoNotPileUpSegments) {
  log_.open();
  ASSERT_TRUE(log_.write(entries_batch(1, 1, 3, 1, std::string(100, 'x'))).has_value());
  for (uint64_t i = 0; i < 40; ++i) {
    log_.open();
    ASSERT_TRUE(log_.write(hard_state_batch(1, i + 1, 0)).has_value());
    log_.env.run_for(1s);
  }
  EXPECT_LE(log_.wal().segment_count(), 6u);
  log_.open();
  EXPECT_EQ(log_.group(1).entries.size(), 3u);
}

}  // namespace
}  // namespace vectron
