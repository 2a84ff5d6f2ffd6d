// What a follower keeps in memory of a leader that sends and sends.
#include <gtest/gtest.h>

#include "core/raft/raft.h"

namespace vectron::raft {
namespace {

constexpr size_t kBound = 4'096;
constexpr size_t kEntryBytes = 500;

/// Member 1 of two. Whatever it wants stored is stored; it applies only what it is told to.
class Follower {
 public:
  Follower()
      : raft_(config(), HardState(),
              SnapshotMeta{.membership = {.voters = {ReplicaId(1), ReplicaId(2)}, .learners = {}}},
              {}, LogIndex()) {}

  /// One more entry of the leader; `commit` is what it says to be committed. Returns whether the
  /// follower has it then.
  bool takes(uint64_t commit) {
    const LogIndex last = raft_.log().last_index();
    Message append{.kind = MessageKind::append,
                   .from = ReplicaId(2),
                   .to = ReplicaId(1),
                   .term = Term(1),
                   .index = last,
                   .log_term = last == LogIndex() ? Term() : Term(1),
                   .commit_index = LogIndex(commit)};
    append.entries.push_back({.term = Term(1),
                              .index = last + 1,
                              .kind = EntryKind::normal,
                              .data = make_payload(Bytes(kEntryBytes, 1))});
    raft_.step(std::move(append));
    while (raft_.has_ready()) {
      const Ready ready = raft_.ready();
      if (ready.persist.must_sync()) raft_.persisted(ready.persist.sequence);
    }
    return raft_.log().last_index() > last;
  }
  uint64_t fill(bool commits) {
    uint64_t taken = 0;
    while (taken < 100 && takes(commits ? taken : 0)) ++taken;
    return taken;
  }
  Raft& raft() { return raft_; }

 private:
  static Config config() {
    Config config;
    config.self = ReplicaId(1);
    config.log_bytes_max = kBound;
    config.uncommitted_bytes_max = kBound / 2;
    return config;
  }
  Raft raft_;
};

TEST(FollowerMemory, WhatIsNotCommittedIsBounded) {
  Follower follower;
  const uint64_t taken = follower.fill(false);
  EXPECT_GT(taken, 3u);
  EXPECT_LE(follower.raft().log().bytes(), kBound + 2 * kEntryBytes);
  // What is committed and applied makes room again.
  EXPECT_FALSE(follower.takes(0));
  follower.raft().step({.kind = MessageKind::heartbeat,
                        .from = ReplicaId(2),
                        .to = ReplicaId(1),
                        .term = Term(1),
                        .commit_index = LogIndex(taken)});
  while (follower.raft().has_ready()) {
    const Ready ready = follower.raft().ready();
    if (!ready.committed.empty()) follower.raft().applied_to(ready.committed.back().index);
  }
  EXPECT_TRUE(follower.takes(taken));
}

TEST(FollowerMemory, WhatIsCommittedAndNotAppliedIsBounded) {
  Follower follower;
  const uint64_t taken = follower.fill(true);
  EXPECT_GT(taken, 3u);
  EXPECT_LE(follower.raft().log().bytes(), 2 * kBound + 2 * kEntryBytes);
  follower.raft().applied_to(follower.raft().commit_index());
  EXPECT_TRUE(follower.takes(taken));
}

}  // namespace
}  // namespace vectron::raft
