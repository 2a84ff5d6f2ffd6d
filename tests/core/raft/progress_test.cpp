#include "core/raft/progress.h"

#include <gtest/gtest.h>

namespace vectron::raft {
namespace {

constexpr Inflights::Limits kLimits{.messages_max = 3, .bytes_max = 100};

Progress probing(uint64_t match, uint64_t next) {
  Progress progress(ReplicaId(2), false, kLimits);
  progress.match = LogIndex(match);
  progress.next = LogIndex(next);
  return progress;
}

TEST(RaftInflights, IsFullByMessages) {
  Inflights window(kLimits);
  window.add(LogIndex(1), 1);
  window.add(LogIndex(2), 1);
  EXPECT_FALSE(window.full());
  window.add(LogIndex(3), 1);
  EXPECT_TRUE(window.full());
  window.acknowledge(LogIndex(2));
  EXPECT_EQ(window.count(), 1u);
  EXPECT_EQ(window.bytes(), 1u);
}

TEST(RaftInflights, IsFullByBytesButAlwaysTakesOneMessage) {
  Inflights window(kLimits);
  EXPECT_FALSE(window.full());
  window.add(LogIndex(1), 5000);
  EXPECT_TRUE(window.full());
  window.acknowledge(LogIndex(1));
  EXPECT_FALSE(window.full());
  EXPECT_EQ(window.bytes(), 0u);
}

TEST(RaftInflights, FreesOnlyWhatIsWhollyAcknowledged) {
  Inflights window(kLimits);
  window.add(LogIndex(5), 1);
  window.add(LogIndex(9), 1);
  window.acknowledge(LogIndex(8));
  EXPECT_EQ(window.count(), 1u);
  window.acknowledge(LogIndex(4));
  EXPECT_EQ(window.count(), 1u);
}

TEST(RaftInflights, KeepsItsMemorySmallOverManyMessages) {
  Inflights window(kLimits);
  for (uint64_t i = 1; i <= 10'000; ++i) {
    window.add(LogIndex(i), 10);
    if (i > 1) window.acknowledge(LogIndex(i - 1));
    ASSERT_EQ(window.count(), 1u);
    ASSERT_EQ(window.bytes(), 10u);
  }
}

TEST(RaftProgress, AdvancesOnlyForward) {
  Progress progress = probing(3, 5);
  EXPECT_FALSE(progress.acknowledge(LogIndex(2)));
  EXPECT_EQ(progress.match, LogIndex(3));
  EXPECT_TRUE(progress.acknowledge(LogIndex(9)));
  EXPECT_EQ(progress.match, LogIndex(9));
  EXPECT_EQ(progress.next, LogIndex(10));
}

TEST(RaftProgress, ProbesWhereTheHintSays) {
  Progress progress = probing(2, 11);
  EXPECT_TRUE(progress.reject(LogIndex(10), LogIndex(6)));
  EXPECT_EQ(progress.next, LogIndex(7));
  EXPECT_TRUE(progress.reject(LogIndex(6), LogIndex(0)));
  EXPECT_EQ(progress.next, LogIndex(3));
}

TEST(RaftProgress, IgnoresARejectionOfAnotherProbe) {
  Progress progress = probing(2, 8);
  EXPECT_FALSE(progress.reject(LogIndex(10), LogIndex(3)));
  EXPECT_FALSE(progress.reject(LogIndex(2), LogIndex(1)));
  EXPECT_EQ(progress.next, LogIndex(8));
}

TEST(RaftProgress, FallsBackToItsMatchWhenAnOptimisticAppendIsRejected) {
  Progress progress = probing(4, 5);
  progress.become_replicate();
  progress.sent_entries(LogIndex(9), 10);
  EXPECT_EQ(progress.next, LogIndex(10));
  EXPECT_EQ(progress.inflights.count(), 1u);
  EXPECT_FALSE(progress.reject(LogIndex(4), LogIndex(0)));
  EXPECT_TRUE(progress.reject(LogIndex(9), LogIndex(4)));
  progress.become_probe();
  EXPECT_EQ(progress.next, LogIndex(5));
  EXPECT_EQ(progress.inflights.count(), 0u);
}

TEST(RaftProgress, GoesOnBehindASnapshot) {
  Progress progress = probing(4, 5);
  progress.become_snapshot(LogIndex(20));
  EXPECT_FALSE(progress.reject(LogIndex(4), LogIndex(1)));
  progress.become_probe();
  EXPECT_EQ(progress.next, LogIndex(21));
  EXPECT_EQ(progress.match, LogIndex(4));
}

TEST(RaftProgress, GoesOnAtItsMatchWhenASnapshotFailed) {
  Progress progress = probing(4, 5);
  progress.become_snapshot(LogIndex(20));
  progress.pending_snapshot = LogIndex();
  progress.become_probe();
  EXPECT_EQ(progress.next, LogIndex(5));
}

TEST(RaftProgress, DoesNotCountProbesInTheWindow) {
  Progress progress = probing(4, 5);
  progress.sent_entries(LogIndex(9), 10);
  EXPECT_EQ(progress.next, LogIndex(5));
  EXPECT_EQ(progress.inflights.count(), 0u);
}

}  // namespace
}  // namespace vectron::raft
