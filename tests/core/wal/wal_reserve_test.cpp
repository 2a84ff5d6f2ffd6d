// What the log does on a full disk: room for votes, and records that are written again elsewhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/wal/wal.h"
#include "tests/core/wal/wal_test_log.h"
#include "tests/support/refusing_env.h"

namespace vectron {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

constexpr const char* kReserve = "node/wal/reserve";

class WalReserve : public ::testing::Test {
 protected:
  WalReserve() { log_.config.reserve_bytes = 16'384; }
  /// From now on nothing grows.
  void fill_up() { log_.env.disk().capacity_bytes = log_.env.disk().used_bytes(); }
  void free_space() { log_.env.disk().capacity_bytes = UINT64_MAX; }
  bool votes(uint64_t group, uint64_t term) {
    const auto ticket = log_.wal().append(hard_state_batch(group, term, 1));
    log_.env.run_for(2s);
    return log_.wal().durable_ticket() >= *ticket;
  }
  TestLog log_;
};

TEST_F(WalReserve, AVoteHasRoomOnAFullDiskAtEveryStart) {
  log_.open();
  for (uint64_t group = 1; group <= 3; ++group) {
    ASSERT_TRUE(log_.write(entries_batch(group, 1, 1, 1, "x")).has_value());
  }
  fill_up();
  for (uint64_t start = 1; start <= 5; ++start) {
    log_.crash(start % 2 == 0 ? CrashMode::drop_unsynced : CrashMode::process_kill);
    log_.open();
    for (uint64_t group = 1; group <= 3; ++group) {
      ASSERT_TRUE(votes(group, start)) << start;
      ASSERT_TRUE(log_.write(entries_batch(group, start + 1, 1, start, "")).has_value());
    }
    EXPECT_TRUE(log_.wal().is_full());
  }
  log_.crash(CrashMode::drop_unsynced);
  log_.open();
  EXPECT_EQ(log_.group(3).hard_state.term, Term(5));
  EXPECT_EQ(log_.group(1).entries.size(), 6u);
}

TEST_F(WalReserve, ALargeRecordLeavesTheRoomForVotesAloneAndIsWrittenWhenThereIsSpace) {
  log_.open();
  fill_up();
  ASSERT_TRUE(votes(1, 1));
  const auto large = log_.wal().append(entries_batch(1, 1, 1, 1, std::string(6'000, 'x')));
  log_.env.run_for(2s);
  EXPECT_LT(log_.wal().durable_ticket(), *large);
  log_.crash(CrashMode::process_kill);
  log_.open();
  EXPECT_TRUE(log_.group(1).entries.empty());
  ASSERT_TRUE(votes(1, 2));
  const auto again = log_.wal().append(entries_batch(1, 1, 1, 2, std::string(6'000, 'y')));
  log_.env.run_for(2s);
  EXPECT_TRUE(log_.wal().is_full());
  free_space();
  log_.env.run_for(1s);
  EXPECT_EQ(log_.wal().durable_ticket(), *again);
  EXPECT_FALSE(log_.wal().is_full());
  EXPECT_TRUE(log_.env.disk().has(kReserve));
  log_.crash(CrashMode::drop_unsynced);
  log_.open();
  EXPECT_EQ(log_.group(1).entries.size(), 1u);
  EXPECT_EQ(log_.group(1).hard_state.term, Term(2));
}

TEST_F(WalReserve, AWriteThatFindsNoSpaceLeavesNothingBehindTheRecords) {
  log_.config.segment_bytes_max = 8'192;
  log_.config.retention_bytes_max = 65'536;
  log_.open();
  ASSERT_TRUE(log_.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  log_.env.disk().capacity_bytes = log_.env.disk().used_bytes() + 20;  // A part of it fits.
  ASSERT_TRUE(log_.write(hard_state_batch(1, 3, 2)).has_value());
  free_space();
  log_.env.run_for(1s);
  for (uint64_t index = 2; log_.wal().segment_count() < 4; ++index) {
    ASSERT_TRUE(log_.write(entries_batch(1, index, 1, 3, std::string(3'000, 'z'))).has_value());
    ASSERT_LT(index, 40u);
  }
  log_.crash(CrashMode::drop_unsynced);
  ASSERT_TRUE(log_.try_open().has_value());
  EXPECT_EQ(log_.group(1).hard_state.voted_for, ReplicaId(2));
}

TEST_F(WalReserve, WhatIsCalledTheReserveAndIsNotBlankIsMadeAnew) {
  log_.open();
  log_.opened = {};
  log_.env.disk().put(kReserve, Bytes(16'384, 7));
  log_.open();
  EXPECT_EQ(log_.env.disk().content(kReserve), Bytes(16'384));
  fill_up();
  ASSERT_TRUE(votes(1, 1));
  log_.crash(CrashMode::drop_unsynced);
  log_.open();
  EXPECT_EQ(log_.group(1).hard_state.term, Term(1));
}

// The sync says it, as where blocks are given out late. Its pages look clean then and are not on
// the disk: only what is written again elsewhere is.
TEST_F(WalReserve, ASyncThatFindsNoSpaceIsFollowedByAnotherSegment) {
  for (const uint64_t reserve_bytes : {0, 16'384}) {
    TestLog log;
    log.config.reserve_bytes = reserve_bytes;
    log.open();
    ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
    log.env.disk().syncs_without_space = 1;
    ASSERT_TRUE(log.write(entries_batch(1, 2, 1, 1, "y")).has_value());
    EXPECT_EQ(log.wal().segment_count(), 2u);
    ASSERT_TRUE(log.write(entries_batch(1, 3, 1, 1, "z")).has_value());
    log.crash(CrashMode::drop_unsynced);
    log.open();
    EXPECT_THAT(texts(log.group(1).entries), ElementsAre("1@1:x", "2@1:y", "3@1:z"));
  }
}

TEST_F(WalReserve, ASegmentWhoseFirstSyncFindsNoSpaceIsBegunAnew) {
  TestLog log;
  log.open();
  log.env.disk().syncs_without_space = 1;
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  EXPECT_EQ(log.wal().segment_count(), 1u);
  log.crash(CrashMode::drop_unsynced);
  log.open();
  EXPECT_THAT(texts(log.group(1).entries), ElementsAre("1@1:x"));
}

// A disk may take writes and refuse their sync, as quickly as it can.
TEST_F(WalReserve, ASyncThatGoesOnFindingNoSpaceIsTriedAgainWithPauses) {
  for (const uint64_t reserve_bytes : {0, 16'384}) {
    for (const uint64_t before : {0, 1}) {
      TestLog log;
      log.config.reserve_bytes = reserve_bytes;
      log.open();
      if (before > 0) ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
      const uint64_t syncs = log.env.disk().sync_count;
      const Instant begin = log.env.scheduler().now();
      log.env.disk().syncs_without_space = 50;
      const std::string large(6'000, 'y');  // It does not go into the reserve.
      const auto ticket = log.wal().append(entries_batch(1, before + 1, 1, 1, large));
      size_t opened_again = 0;
      for (bool was_full = false; log.wal().durable_ticket() < *ticket;) {
        log.env.run_for(1ms);
        const bool is_full = log.wal().is_full();
        if (was_full && !is_full && log.wal().durable_ticket() < *ticket) ++opened_again;
        was_full = is_full;
        ASSERT_LT(log.env.scheduler().now(), begin + 60s);
      }
      EXPECT_EQ(opened_again, 0u) << "clients were let in " << reserve_bytes << " " << before;
      EXPECT_GE(log.env.scheduler().now(), begin + 9s) << reserve_bytes << " " << before;
      EXPECT_LE(log.env.disk().sync_count - syncs, 60u);
      log.crash(CrashMode::drop_unsynced);
      log.open();
      EXPECT_EQ(log.group(1).entries.size(), before + 1);
    }
  }
}

/// A log on a disk that refuses what a test names.
struct RefusedLog {
  explicit RefusedLog(WalConfig wanted = {}) {
    wanted.cluster = ClusterId(7);
    wanted.node = NodeId(3);
    auto result = env.below().run(Wal::open(&env, "node/wal", wanted));
    VECTRON_ASSERT(result.has_value(), "{}", result.error().to_string());
    wal = std::move(result->wal);
  }
  bool write(WalBatch batch) {
    return env.below().run(wal->append_and_sync(std::move(batch))).has_value();
  }
  RefusingEnv env;
  std::unique_ptr<Wal> wal;
};

// The device says once what it lost, and the log's next segment would have its name there.
TEST_F(WalReserve, AFolderWhoseSyncFailedUnderTheReserveEndsTheLog) {
  RefusedLog log;
  MemoryDisk& disk = log.env.below().disk();
  disk.capacity_bytes = disk.used_bytes();
  ASSERT_TRUE(log.write(hard_state_batch(1, 1, 1)));  // Takes the reserve.
  log.env.disk().refused["node/wal/"] = {Status(Code::data_loss, "the device fails"), 1};
  disk.capacity_bytes = UINT64_MAX;
  log.env.below().run_for(2s);
  EXPECT_EQ(log.wal->failure().code(), Code::data_loss);
  EXPECT_THAT(log.wal->failure().message(), testing::HasSubstr("the device fails"));
}

// Where nothing is written in place, a removal needs space too.
TEST_F(WalReserve, ASegmentThatCannotBeRemovedOnAFullDiskGoesLater) {
  WalConfig config;
  config.segment_bytes_max = 8'192;
  config.retention_bytes_max = 65'536;
  config.prefill_bytes = 0;
  config.reserve_bytes = 0;
  RefusedLog log(config);
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, std::string(9'000, 'x'))));
  log.env.disk().refused[TestLog::path(1)] = {Status(Code::resource_exhausted, "no space"), 3};
  ASSERT_TRUE(log.write(entries_batch(1, 2, 1, 1, "y")));
  log.wal->release(GroupId(1), LogIndex(1));
  log.env.below().run_for(400ms);
  EXPECT_TRUE(log.env.below().disk().has(TestLog::path(1)));
  EXPECT_TRUE(log.wal->is_full());
  log.env.below().run_for(2s);
  EXPECT_TRUE(log.wal->failure().ok()) << log.wal->failure().to_string();
  EXPECT_FALSE(log.env.below().disk().has(TestLog::path(1)));
  ASSERT_TRUE(log.write(entries_batch(1, 3, 1, 1, "z")));
  EXPECT_FALSE(log.wal->is_full());
}

// Nothing waits to be written: a segment is begun to take in what is left of the oldest one.
TEST_F(WalReserve, ALogThatOnlyTidiesUpFindsOutThatThereIsSpaceAgain) {
  WalConfig config;
  config.segment_bytes_max = 8'192;
  config.prefill_bytes = 0;
  RefusedLog log(config);
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, std::string(6'000, 'x'))));
  ASSERT_TRUE(log.write(entries_batch(2, 1, 1, 1, std::string(3'000, 'x'))));  // Fills the first.
  ASSERT_TRUE(log.write(entries_batch(1, 2, 1, 1, std::string(9'000, 'y'))));  // And the second.
  log.env.disk().refused[TestLog::path(3)] = {Status(Code::resource_exhausted, "no space"), 2};
  log.wal->release(GroupId(1), LogIndex(1));
  log.env.below().run_for(50ms);
  EXPECT_TRUE(log.wal->is_full());
  log.env.below().run_for(5s);
  EXPECT_FALSE(log.wal->is_full());
  EXPECT_FALSE(log.env.below().disk().has(TestLog::path(1))) << "it was tidied up";
  EXPECT_TRUE(log.write(entries_batch(1, 3, 1, 1, "z")));
}

// A killed process left a record in the page cache, and it may have been acknowledged.
TEST_F(WalReserve, AStartWaitsForTheSpaceOfARecordThatWasLeftInThePageCache) {
  for (const uint64_t reserve_bytes : {0, 16'384}) {
    TestLog log;
    log.config.reserve_bytes = reserve_bytes;
    log.open();
    ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
    log.crash(CrashMode::process_kill);
    log.env.disk().syncs_without_space = 5;
    const Instant begin = log.env.scheduler().now();
    log.open();
    EXPECT_GE(log.env.scheduler().now(), begin + 1s) << reserve_bytes;
    EXPECT_EQ(log.env.disk().syncs_without_space, 0u);
    EXPECT_EQ(log.group(1).entries.size(), 1u);
    EXPECT_FALSE(log.wal().is_full()) << "there is space again";
  }
}

TEST_F(WalReserve, IsNotMissedByALogThatKeepsNone) {
  log_.config.reserve_bytes = 0;
  log_.open();
  ASSERT_TRUE(log_.write(entries_batch(1, 1, 1, 1, "x")).has_value());
  EXPECT_THAT(log_.env.disk().paths(), Not(Contains(kReserve)));
}

}  // namespace
}  // namespace vectron
