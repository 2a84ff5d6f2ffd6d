// The oracle itself: each of the five properties, broken on purpose, is reported; legal histories
// are not.

#include "core/raft/safety_checker.h"

#include <gtest/gtest.h>

namespace vectron::raft {
namespace {

constexpr GroupId kGroup{4};

Entry entry(uint64_t index, uint64_t term, uint8_t value = 0) {
  return {.term = Term(term), .index = LogIndex(index), .data = make_payload({value})};
}

class RaftSafetyChecker : public testing::Test {
 protected:
  RaftSafetyChecker() {
    for (uint64_t id = 1; id <= 3; ++id) start(id, {});
  }

  void start(uint64_t id, const std::vector<Entry>& entries, const SnapshotMeta& snapshot = {}) {
    checker_.started({.group = kGroup,
                      .replica = ReplicaId(id),
                      .snapshot = &snapshot,
                      .entries = entries,
                      .applied_index = snapshot.index});
  }
  void observe(uint64_t id, uint64_t term, Role role, const std::vector<Entry>& appended,
               uint64_t commit = 0, const std::vector<Entry>& applied = {}) {
    checker_.observe({.group = kGroup,
                      .replica = ReplicaId(id),
                      .term = Term(term),
                      .role = role,
                      .commit_index = LogIndex(commit),
                      .appended = appended,
                      .applied = applied});
  }
  void expect_violation(SafetyProperty property) {
    ASSERT_TRUE(checker_.violation().has_value());
    const SafetyViolation violation = checker_.violation().value_or(SafetyViolation{});
    EXPECT_EQ(violation.property, property) << violation.description;
    EXPECT_EQ(violation.group, kGroup);
  }
  void expect_none() {
    EXPECT_EQ(checker_.violation().value_or(SafetyViolation{.description = "none"}).description,
              "none");
  }

  SafetyChecker checker_;
};

TEST_F(RaftSafetyChecker, AcceptsAnOrdinaryHistory) {
  observe(1, 1, Role::leader, {entry(1, 1), entry(2, 1)});
  observe(2, 1, Role::follower, {entry(1, 1), entry(2, 1)});
  observe(1, 1, Role::leader, {}, 2, {entry(1, 1), entry(2, 1)});
  observe(2, 1, Role::follower, {}, 2, {entry(1, 1)});
  observe(3, 2, Role::follower, {});
  observe(2, 2, Role::leader, {entry(3, 2)});
  observe(3, 2, Role::follower, {entry(1, 1), entry(2, 1), entry(3, 2)}, 2);
  observe(2, 2, Role::leader, {}, 3, {entry(2, 1), entry(3, 2)});
  expect_none();
  EXPECT_EQ(checker_.committed_index(kGroup), LogIndex(3));
}

TEST_F(RaftSafetyChecker, AcceptsThatAnUncommittedSuffixIsReplaced) {
  observe(1, 1, Role::leader, {entry(1, 1), entry(2, 1)});
  observe(2, 2, Role::leader, {entry(1, 2)});
  observe(1, 2, Role::follower, {entry(1, 2)}, 1);
  expect_none();
}

TEST_F(RaftSafetyChecker, ReportsTwoLeadersOfOneTerm) {
  observe(1, 3, Role::leader, {});
  observe(2, 3, Role::leader, {});
  expect_violation(SafetyProperty::election_safety);
}

TEST_F(RaftSafetyChecker, AcceptsALeaderThatLeadsAgainInALaterTerm) {
  observe(1, 3, Role::leader, {});
  observe(1, 4, Role::follower, {});
  observe(1, 5, Role::leader, {});
  expect_none();
}

TEST_F(RaftSafetyChecker, ReportsALeaderThatReplacesItsEntries) {
  observe(1, 1, Role::leader, {entry(1, 1), entry(2, 1)});
  observe(1, 1, Role::leader, {entry(2, 1, 9)});
  expect_violation(SafetyProperty::leader_append_only);
}

TEST_F(RaftSafetyChecker, ReportsDifferentContentUnderOneIndexAndTerm) {
  observe(1, 1, Role::leader, {entry(1, 1, 5)});
  observe(2, 1, Role::follower, {entry(1, 1, 6)});
  expect_violation(SafetyProperty::log_matching);
}

TEST_F(RaftSafetyChecker, ReportsADifferentPrefixBeforeAMatchingEntry) {
  observe(1, 2, Role::follower, {entry(1, 1), entry(2, 2)});
  observe(2, 2, Role::follower, {entry(1, 2), entry(2, 2)});
  expect_violation(SafetyProperty::log_matching);
}

TEST_F(RaftSafetyChecker, ReportsALeaderWithoutACommittedEntry) {
  observe(1, 1, Role::leader, {entry(1, 1)}, 1);
  observe(2, 2, Role::leader, {});
  expect_violation(SafetyProperty::leader_completeness);
}

TEST_F(RaftSafetyChecker, ReportsACommitThatALaterLeaderLacks) {
  observe(1, 1, Role::leader, {entry(1, 1)});
  observe(2, 2, Role::leader, {entry(1, 2)});
  observe(1, 1, Role::leader, {}, 1);
  expect_violation(SafetyProperty::leader_completeness);
}

TEST_F(RaftSafetyChecker, AcceptsALateWinnerOfAnEarlierTerm) {
  observe(1, 3, Role::leader, {entry(1, 3)}, 1);
  // Its votes of term 2 were under way while term 3 was decided.
  observe(2, 2, Role::leader, {});
  expect_none();
}

TEST_F(RaftSafetyChecker, ReportsTwoEntriesCommittedAtOneIndex) {
  observe(1, 1, Role::follower, {entry(1, 1)}, 1);
  observe(2, 2, Role::follower, {entry(1, 2)}, 1);
  expect_violation(SafetyProperty::state_machine_safety);
}

TEST_F(RaftSafetyChecker, ReportsAnApplicationOutOfOrder) {
  observe(1, 1, Role::leader, {entry(1, 1), entry(2, 1)}, 2, {entry(2, 1)});
  expect_violation(SafetyProperty::state_machine_safety);
}

TEST_F(RaftSafetyChecker, ReportsAnApplicationOfWhatIsNotCommitted) {
  observe(1, 1, Role::leader, {entry(1, 1)}, 0, {entry(1, 1)});
  expect_violation(SafetyProperty::state_machine_safety);
}

TEST_F(RaftSafetyChecker, ReportsAnApplicationOfAnotherEntry) {
  observe(1, 1, Role::leader, {entry(1, 1, 5)}, 1, {entry(1, 1, 6)});
  expect_violation(SafetyProperty::state_machine_safety);
}

TEST_F(RaftSafetyChecker, ReportsASnapshotOfWhatIsNotCommitted) {
  const SnapshotMeta snapshot{.index = LogIndex(3), .term = Term(1)};
  checker_.observe(
      {.group = kGroup, .replica = ReplicaId(2), .term = Term(1), .installed = &snapshot});
  expect_violation(SafetyProperty::state_machine_safety);
}

TEST_F(RaftSafetyChecker, FollowsASnapshotAndACompaction) {
  observe(1, 1, Role::leader, {entry(1, 1), entry(2, 1), entry(3, 1)}, 3,
          {entry(1, 1), entry(2, 1), entry(3, 1)});
  checker_.observe({.group = kGroup,
                    .replica = ReplicaId(1),
                    .term = Term(1),
                    .role = Role::leader,
                    .first_index = LogIndex(4)});
  const SnapshotMeta snapshot{.index = LogIndex(3), .term = Term(1)};
  checker_.observe(
      {.group = kGroup, .replica = ReplicaId(2), .term = Term(1), .installed = &snapshot});
  observe(1, 1, Role::leader, {entry(4, 1)});
  observe(2, 1, Role::follower, {entry(4, 1)});
  observe(1, 1, Role::leader, {}, 4, {entry(4, 1)});
  observe(2, 1, Role::follower, {}, 4, {entry(4, 1)});
  expect_none();
}

TEST_F(RaftSafetyChecker, FollowsARestartWithAShorterLog) {
  observe(1, 1, Role::leader, {entry(1, 1)});
  observe(2, 1, Role::follower, {entry(1, 1), entry(2, 1)});
  checker_.stopped(kGroup, ReplicaId(2));
  start(2, {entry(1, 1)});
  observe(2, 1, Role::follower, {entry(2, 1)});
  expect_none();
}

TEST_F(RaftSafetyChecker, TakesACommitThatIsToldBeforeItsEntries) {
  observe(1, 1, Role::leader, {entry(1, 1, 5)}, 1);
  observe(2, 1, Role::follower, {}, 1);
  expect_none();
  observe(2, 1, Role::follower, {entry(1, 1, 5)});
  expect_none();
  observe(3, 1, Role::follower, {}, 1);
  observe(3, 2, Role::follower, {entry(1, 2)});
  expect_violation(SafetyProperty::state_machine_safety);
}

TEST_F(RaftSafetyChecker, KeepsTheFirstViolation) {
  observe(1, 3, Role::leader, {});
  observe(2, 3, Role::leader, {});
  observe(1, 3, Role::leader, {entry(1, 1)}, 1);
  expect_violation(SafetyProperty::election_safety);
}

TEST_F(RaftSafetyChecker, KeepsGroupsApart) {
  observe(1, 3, Role::leader, {entry(1, 3)}, 1);
  const SnapshotMeta empty;
  checker_.started({.group = GroupId(9), .replica = ReplicaId(2), .snapshot = &empty});
  checker_.observe(
      {.group = GroupId(9), .replica = ReplicaId(2), .term = Term(3), .role = Role::leader});
  expect_none();
  EXPECT_EQ(checker_.committed_index(GroupId(9)), LogIndex(0));
}

}  // namespace
}  // namespace vectron::raft
