// A group that stays without a leader while disks are full, and all that excuses it.
#include "sim/oracle/leader_watch.h"

#include <gtest/gtest.h>

#include "sim/oracle/replica_watch.h"

namespace vectron::sim {
namespace {

constexpr LeaderWatch::Machines kFull{.all_run = true, .started_full = true};
constexpr Instant kBegin{20s};
constexpr Duration kStep = 100ms;
/// Three elections of up to a second each, and what goes before them.
constexpr Duration kPatience = 6s;

/// With a reserve for votes.
Plan roomy_plan() {
  Plan plan;
  plan.knobs.wal_reserve_bytes = 4'096;
  return plan;
}

class LeaderWatchTest : public ::testing::Test {
 protected:
  LeaderWatchTest() {
    raft::SnapshotMeta empty;
    empty.membership.voters = {ReplicaId(1)};
    replicas_.on_start(kName, {}, empty, {}, LogIndex());
  }

  void take_office() { replicas_.on_role(kName, raft::Role::leader, Term(1), ReplicaId(1)); }
  void give_up_office() { replicas_.on_role(kName, raft::Role::follower, Term(2), ReplicaId()); }

  /// How often it objects when `machines` are as they are for so long after the group lost its
  /// leader.
  uint64_t objections(const Plan& plan, Duration time, LeaderWatch::Machines machines = kFull) {
    ViolationLog log;
    LeaderWatch watch(&plan, &replicas_, &log);
    watch.workload_begins(kBegin);
    take_office();
    watch.look(kBegin, machines);
    if (!keeps_leader_) give_up_office();
    for (Instant now = kBegin; now <= kBegin + time; now += kStep) watch.look(now, machines);
    for (const Violation& violation : log.kept()) EXPECT_EQ(violation.oracle, oracle::kFullDisk);
    return log.count();
  }

  static constexpr ReplicaName kName{
      .group = GroupId(9), .replica = ReplicaId(1), .node = NodeId(101)};
  bool keeps_leader_ = false;
  ViolationLog unused_;
  ReplicaWatch replicas_{[] { return Instant(); }, &unused_};
};

TEST_F(LeaderWatchTest, ObjectsOnceToAGroupThatStaysWithoutALeader) {
  EXPECT_EQ(objections(roomy_plan(), kPatience - kStep), 0u);
  EXPECT_EQ(objections(roomy_plan(), 2 * kPatience), 1u);
}

TEST_F(LeaderWatchTest, IsContentWithALeader) {
  keeps_leader_ = true;
  EXPECT_EQ(objections(roomy_plan(), 2 * kPatience), 0u);
}

// Its collection is removed: no quorum is left to vote, and nobody needs one.
TEST_F(LeaderWatchTest, LeavesAGroupThatGoes) {
  constexpr ReplicaName kSecond{.group = kName.group, .replica = ReplicaId(2), .node = NodeId(102)};
  raft::SnapshotMeta empty;
  empty.membership.voters = {ReplicaId(1), ReplicaId(2)};
  replicas_.on_start(kSecond, {}, empty, {}, LogIndex());
  replicas_.on_dropped(kSecond);
  EXPECT_EQ(objections(roomy_plan(), 2 * kPatience), 0u);
}

TEST_F(LeaderWatchTest, AsksNoVotesOfALogWithoutAReserve) {
  EXPECT_EQ(objections(Plan(), 2 * kPatience), 0u);
}

TEST_F(LeaderWatchTest, LeavesABirthItsTime) {
  const Plan plan = roomy_plan();
  ViolationLog log;
  LeaderWatch watch(&plan, &replicas_, &log);
  watch.workload_begins(kBegin);
  for (Instant now = kBegin; now <= kBegin + 2 * kPatience; now += kStep) watch.look(now, kFull);
  EXPECT_TRUE(log.empty());
}

TEST_F(LeaderWatchTest, JudgesNothingBeforeTheWorkloadBegins) {
  const Plan plan = roomy_plan();
  ViolationLog log;
  LeaderWatch watch(&plan, &replicas_, &log);
  take_office();
  watch.look(kBegin, kFull);
  give_up_office();
  for (Instant now = kBegin; now <= kBegin + 2 * kPatience; now += kStep) watch.look(now, kFull);
  EXPECT_TRUE(log.empty());
}

TEST_F(LeaderWatchTest, JudgesNobodyWhoIsAwayOrHasNotStartedOnAFullDisk) {
  EXPECT_EQ(objections(roomy_plan(), 2 * kPatience, {.all_run = false, .started_full = true}), 0u);
  EXPECT_EQ(objections(roomy_plan(), 2 * kPatience, {.all_run = true, .started_full = false}), 0u);
}

TEST_F(LeaderWatchTest, JudgesNothingWhereTheNetworkIsDisturbed) {
  Plan plan = roomy_plan();
  plan.intensities.short_io_ppm = 1;
  plan.intensities.clock_drift_ppm_max = 1;
  EXPECT_EQ(objections(plan, 2 * kPatience), 1u);
  plan.intensities.message_lose_ppm = 1;
  EXPECT_EQ(objections(plan, 2 * kPatience), 0u);
}

TEST_F(LeaderWatchTest, CountsFromTheEndOfOtherFaultsOn) {
  Plan plan = roomy_plan();
  plan.faults = {{.id = "disk_full-0",
                  .fault_class = FaultClass::disk_full,
                  .duration_ms = 60'000,
                  .target = "all"}};
  EXPECT_EQ(objections(plan, kPatience + kStep), 1u);
  plan.faults.push_back({.id = "pause-0",
                         .fault_class = FaultClass::pause,
                         .at_ms = 1'000,
                         .duration_ms = 2'000,
                         .target = "all"});
  EXPECT_EQ(objections(plan, kPatience + 3s), 0u);
  EXPECT_EQ(objections(plan, kPatience + 5s), 1u);
}

}  // namespace
}  // namespace vectron::sim
