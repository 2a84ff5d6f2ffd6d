#include "core/raft/persistence.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace vectron::raft {
namespace {

Message reply(uint64_t index, uint64_t term = 1, MessageKind kind = MessageKind::append_reply) {
  return {.kind = kind, .to = ReplicaId(2), .term = Term(term), .index = LogIndex(index)};
}

TEST(RaftPersistence, StartsWithWhatTheDiskHolds) {
  const Persistence disk(LogIndex(7));
  EXPECT_EQ(disk.persisted_index(), LogIndex(7));
  EXPECT_EQ(disk.next_to_write(), LogIndex(8));
  EXPECT_TRUE(disk.all_durable(false));
  EXPECT_FALSE(disk.all_durable(true));
}

TEST(RaftPersistence, CountsABatchOnceItIsReported) {
  Persistence disk(LogIndex(0));
  const uint64_t first = disk.begin_batch(LogIndex(3));
  const uint64_t second = disk.begin_batch(LogIndex(5));
  EXPECT_EQ(disk.persisted_index(), LogIndex(0));
  EXPECT_EQ(disk.next_to_write(), LogIndex(6));
  disk.complete(first);
  EXPECT_EQ(disk.persisted_index(), LogIndex(3));
  disk.complete(second);
  disk.complete(first);
  EXPECT_EQ(disk.persisted_index(), LogIndex(5));
  EXPECT_EQ(disk.batches_in_flight(), 0u);
}

TEST(RaftPersistence, DoesNotCountEntriesThatWereReplacedMeanwhile) {
  Persistence disk(LogIndex(2));
  const uint64_t first = disk.begin_batch(LogIndex(7));
  disk.entries_changed(LogIndex(5));
  EXPECT_EQ(disk.next_to_write(), LogIndex(5));
  disk.complete(first);
  EXPECT_EQ(disk.persisted_index(), LogIndex(4));
}

TEST(RaftPersistence, DoesNotCountEntriesThatCameBackForTheirFirstWrite) {
  Persistence disk(LogIndex(2));
  const uint64_t first = disk.begin_batch(LogIndex(7));
  disk.entries_changed(LogIndex(5));
  const uint64_t second = disk.begin_batch(LogIndex(5));
  disk.entries_changed(LogIndex(5));
  const uint64_t third = disk.begin_batch(LogIndex(8));
  disk.complete(first);
  EXPECT_EQ(disk.persisted_index(), LogIndex(4));
  disk.complete(second);
  EXPECT_EQ(disk.persisted_index(), LogIndex(4));
  disk.complete(third);
  EXPECT_EQ(disk.persisted_index(), LogIndex(8));
}

TEST(RaftPersistence, ForgetsTheOldLogWhenASnapshotReplacesIt) {
  Persistence disk(LogIndex(9));
  const uint64_t old = disk.begin_batch(LogIndex(12));
  disk.log_restored({.durable_max = LogIndex(4), .snapshot_index = LogIndex(20)});
  EXPECT_EQ(disk.persisted_index(), LogIndex(4));
  const uint64_t snapshot = disk.begin_batch(LogIndex(20));
  disk.complete(old);
  EXPECT_EQ(disk.persisted_index(), LogIndex(4));
  disk.complete(snapshot);
  EXPECT_EQ(disk.persisted_index(), LogIndex(20));
}

TEST(RaftPersistence, HoldsMessagesUntilTheirBatchIsDurable) {
  Persistence disk(LogIndex(0));
  const uint64_t first = disk.begin_batch(LogIndex(1));
  disk.hold(reply(1), false);
  disk.hold(reply(2), true);
  const uint64_t second = disk.begin_batch(LogIndex(2));
  const auto released = disk.complete(first);
  ASSERT_EQ(released.size(), 1u);
  EXPECT_EQ(released[0].index, LogIndex(1));
  ASSERT_EQ(disk.complete(second).size(), 1u);
  EXPECT_EQ(disk.held_count(), 0u);
}

TEST(RaftPersistence, MergesRepliesThatWaitForTheSameBatch) {
  Persistence disk(LogIndex(0));
  disk.hold(reply(1), true);
  disk.hold(reply(4), true);
  disk.hold(reply(3), true);
  disk.hold(reply(0, 1, MessageKind::vote_reply), true);
  const auto released = disk.complete(disk.begin_batch(LogIndex(4)));
  ASSERT_EQ(released.size(), 2u);
  EXPECT_EQ(released[0].index, LogIndex(4));
  EXPECT_EQ(released[1].kind, MessageKind::vote_reply);
}

TEST(RaftPersistence, DropsMessagesOfOtherTerms) {
  Persistence disk(LogIndex(0));
  disk.hold(reply(1, 1), true);
  disk.drop_held_except(Term(2));
  EXPECT_EQ(disk.held_count(), 0u);
}

TEST(RaftPersistenceDeathTest, RefusesABatchThatWasNotGivenOut) {
  Persistence disk(LogIndex(0));
  EXPECT_DEATH(disk.complete(1), "never given out");
}

/// The dumb twin: a log, the writes under way, and the disk. What is claimed durable must be on the
/// disk after a crash at any moment from now on, whatever prefix of the writes under way it kept.
struct NaiveDisk {
  struct Write {
    uint64_t sequence;
    /// Position in the log from which `tail` replaces everything.
    size_t first;
    std::vector<uint64_t> tail;
  };
  /// Each entry is unique: a copy that comes back has its own value on purpose.
  std::vector<uint64_t> log;
  std::vector<uint64_t> durable;
  std::vector<Write> writes;

  static void apply(std::vector<uint64_t>& image, const Write& write) {
    image.resize(write.first);
    image.insert(image.end(), write.tail.begin(), write.tail.end());
  }
  bool keeps_after_any_crash(size_t prefix) const {
    std::vector<uint64_t> image = durable;
    for (size_t kept = 0; kept <= writes.size(); ++kept) {
      if (kept > 0) apply(image, writes[kept - 1]);
      if (image.size() < prefix ||
          !std::equal(log.begin(), log.begin() + static_cast<ptrdiff_t>(prefix), image.begin()))
        return false;
    }
    return true;
  }
};

RC_GTEST_PROP(RaftPersistence, ClaimsOnlyWhatSurvivesEveryCrash, ()) {
  Persistence disk(LogIndex(0));
  NaiveDisk naive;
  uint64_t value = 0;
  size_t written = 0;  // Everything before this position was handed out.
  const auto operations = *rc::gen::inRange(1, 60);
  for (int i = 0; i < operations; ++i) {
    switch (*rc::gen::inRange(0, 3)) {
      // Entries replace a suffix, sometimes by the very same ones, as when a third leader sends
      // them again.
      case 0: {
        const auto first = *rc::gen::inRange<size_t>(0, naive.log.size() + 1);
        const auto count = *rc::gen::inRange<size_t>(1, 4);
        const bool same = *rc::gen::arbitrary<bool>();
        std::vector<uint64_t> tail;
        tail.reserve(count);
        for (size_t k = 0; k < count; ++k) tail.push_back(same ? 7 : ++value + 7);
        naive.log.resize(first);
        naive.log.insert(naive.log.end(), tail.begin(), tail.end());
        written = std::min(written, first);
        disk.entries_changed(LogIndex(first + 1));
        break;
      }
      case 1: {
        if (written == naive.log.size()) break;
        NaiveDisk::Write write{disk.begin_batch(LogIndex(naive.log.size())), written, {}};
        write.tail.assign(naive.log.begin() + static_cast<ptrdiff_t>(written), naive.log.end());
        written = naive.log.size();
        naive.writes.push_back(std::move(write));
        break;
      }
      default: {
        if (naive.writes.empty()) break;
        const auto count = *rc::gen::inRange<size_t>(1, naive.writes.size() + 1);
        const uint64_t sequence = naive.writes[count - 1].sequence;
        for (size_t k = 0; k < count; ++k) NaiveDisk::apply(naive.durable, naive.writes[k]);
        naive.writes.erase(naive.writes.begin(),
                           naive.writes.begin() + static_cast<ptrdiff_t>(count));
        disk.complete(sequence);
      }
    }
    RC_ASSERT(naive.keeps_after_any_crash(disk.persisted_index().value()));
    if (naive.writes.empty()) RC_ASSERT(disk.persisted_index() == LogIndex(written));
  }
}

}  // namespace
}  // namespace vectron::raft
