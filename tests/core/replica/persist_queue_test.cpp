#include "core/replica/persist_queue.h"

#include <gtest/gtest.h>

#include "tests/support/memory_env.h"

namespace vectron {
namespace {

constexpr GroupId kGroup(7);

class PersistQueueTest : public testing::Test {
 protected:
  PersistQueueTest() { open(); }
  void open(size_t queue_bytes_max = 64 << 20) {
    wal_.reset();
    WalConfig config;
    config.cluster = ClusterId(5);
    config.node = NodeId(1);
    config.segment_bytes_max = 1 << 20;
    config.queue_bytes_max = queue_bytes_max;
    auto opened = env_.run(Wal::open(&env_, "wal", config));
    VECTRON_ASSERT(opened.has_value(), "{}", opened.error().to_string());
    groups_ = std::move(opened->groups);
    wal_ = std::move(opened->wal);
    queue_ = std::make_unique<PersistQueue>(wal_.get(), kGroup);
  }
  /// A batch with one entry, or none, as Raft numbers them.
  static raft::PersistBatch batch(uint64_t sequence, uint64_t index = 0, size_t bytes = 1) {
    raft::PersistBatch batch;
    batch.sequence = sequence;
    if (index != 0) {
      batch.entries.push_back({.term = Term(1),
                               .index = LogIndex(index),
                               .data = raft::make_payload(Bytes(bytes, 'x'))});
    }
    return batch;
  }
  static raft::PersistBatch commit_only(uint64_t commit) {
    raft::PersistBatch batch;
    batch.hard_state = raft::HardState{Term(1), ReplicaId(1), LogIndex(commit)};
    return batch;
  }

  MemoryEnv env_;
  std::unique_ptr<Wal> wal_;
  std::map<GroupId, WalGroupState> groups_;
  std::unique_ptr<PersistQueue> queue_;
};

TEST_F(PersistQueueTest, ARecordIsTakenOutWhenItIsSyncedAndInOrder) {
  const uint64_t syncs = env_.disk().sync_count;
  for (uint64_t i = 1; i <= 3; ++i) {
    const auto pushed = queue_->push(batch(i, i), std::nullopt);
    ASSERT_TRUE(pushed.has_value());
    EXPECT_TRUE(*pushed);
  }
  EXPECT_EQ(queue_->size(), 3u);
  for (uint64_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(queue_->first_sequence(), i);
    const auto durable = env_.run(queue_->next_durable());
    ASSERT_TRUE(durable.has_value());
    EXPECT_EQ(durable->sequence, i);
    EXPECT_GT(env_.disk().sync_count, syncs);
  }
  EXPECT_TRUE(queue_->empty());
  EXPECT_EQ(queue_->first_sequence(), 0u);
  queue_.reset();
  wal_.reset();
  env_.disk().crash(CrashMode::drop_unsynced, nullptr);
  open();
  EXPECT_EQ(groups_.at(kGroup).entries.size(), 3u);
}

TEST_F(PersistQueueTest, ACommitIndexAloneTouchesNoDiskAndGoesWithTheNextRecord) {
  const auto alone = queue_->push(commit_only(4), std::nullopt);
  ASSERT_TRUE(alone.has_value());
  EXPECT_FALSE(*alone);
  EXPECT_TRUE(queue_->empty());
  ASSERT_TRUE(queue_->push(batch(1, 1), std::nullopt).has_value());
  ASSERT_TRUE(env_.run(queue_->next_durable()).has_value());
  open();
  EXPECT_EQ(groups_.at(kGroup).hard_state.commit_index, LogIndex(4));
}

// One that is small enough must not overtake one that waits for room.
TEST_F(PersistQueueTest, RecordsKeepTheirOrderWhereTheLogHasNoRoom) {
  open(100);
  for (uint64_t i = 1; i <= 4; ++i) {
    ASSERT_TRUE(queue_->push(batch(i, i, i == 4 ? 1 : 200), std::nullopt).has_value());
  }
  EXPECT_FALSE(wal_->has_room());
  for (uint64_t i = 1; i <= 4; ++i) {
    const auto durable = env_.run(queue_->next_durable());
    ASSERT_TRUE(durable.has_value());
    EXPECT_EQ(durable->sequence, i);
  }
  open();
  ASSERT_EQ(groups_.at(kGroup).entries.size(), 4u);
  EXPECT_EQ(groups_.at(kGroup).entries.back().data->size(), 1u);
}

TEST_F(PersistQueueTest, ASnapshotGoesWithItsMark) {
  raft::PersistBatch replacing = batch(1);
  replacing.snapshot = raft::SnapshotMeta{LogIndex(9), Term(2), {.voters = {ReplicaId(1)}}};
  ASSERT_TRUE(queue_->push(replacing, WalMark{2, *replacing.snapshot, true}).has_value());
  const auto durable = env_.run(queue_->next_durable());
  ASSERT_TRUE(durable.has_value());
  EXPECT_EQ(durable->snapshot, replacing.snapshot);
  open();
  EXPECT_EQ(groups_.at(kGroup).mark->generation, 2u);
  EXPECT_EQ(groups_.at(kGroup).mark->meta.index, LogIndex(9));
}

TEST_F(PersistQueueTest, ARecordIsNotDurableWhereTheSyncFailed) {
  ASSERT_TRUE(queue_->push(batch(1, 1), std::nullopt).has_value());
  env_.disk().syncs_until_error = 0;
  EXPECT_EQ(status_of(env_.run(queue_->next_durable())).code(), Code::data_loss);
  EXPECT_EQ(queue_->first_sequence(), 1u);
  EXPECT_FALSE(queue_->push(batch(2, 2), std::nullopt).has_value());
  EXPECT_EQ(queue_->size(), 1u);
}

}  // namespace
}  // namespace vectron
