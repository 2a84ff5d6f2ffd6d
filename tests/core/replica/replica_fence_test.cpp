// A replica that cannot apply what was committed: fenced and lost, and nothing else with it.
#include <gtest/gtest.h>

#include "core/replica/replica_node.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

constexpr std::string_view kBad = "bad";

/// Puts each command into the store, but one.
class BrittleState final : public StateMachine {
 public:
  Task<Result<void>> load(OverlayStore* store, StateHome) override {
    store_ = store;
    co_return Result<void>();
  }
  Result<void> check(ByteView, size_t) const override { return {}; }
  Result<void> check_pair(ByteView, ByteView) const override { return {}; }
  Result<Bytes> apply(LogIndex, ByteView command) override {
    if (as_text(command) == kBad) return fail(Code::data_loss, "this is no command");
    VECTRON_CHECK_OK(store_->put(command, to_bytes(command)));
    return Bytes();
  }

 private:
  OverlayStore* store_ = nullptr;
};

class ReplicaFence : public testing::Test {
 protected:
  static constexpr GroupId kBrittle{5};
  static constexpr GroupId kWell{6};

  ReplicaFence() {
    config_.cluster = ClusterId(9);
    config_.node = NodeId(1);
    config_.wal.segment_bytes_max = 1 << 20;
    config_.replica.kv.map_bytes_max = 16 << 20;
    open();
  }
  void open() {
    node_.reset();
    auto opened = env_.run(ReplicaNode::open(&env_, config_));
    VECTRON_ASSERT(opened.has_value(), "{}", opened.error().to_string());
    node_ = *std::move(opened);
  }
  static ReplicaId replica_of(GroupId group) { return ReplicaId(group.value() * 10); }
  void bear(GroupId group) {
    stored::ReplicaManifest manifest;
    manifest.group_id = group.value();
    manifest.replica_id = replica_of(group).value();
    manifest.members.push_back({manifest.replica_id, 1, "@here:1"});
    ASSERT_TRUE(env_.run(node_->host().bear(manifest)).has_value());
  }
  Status start(GroupId group) {
    auto state = std::make_unique<BrittleState>();
    return status_of(env_.run(node_->host().start(group, std::move(state))));
  }
  Status propose(GroupId group, std::string_view command) {
    const auto replica = node_->host().find(group);
    if (replica == nullptr) return Status(Code::not_found, "it does not run");
    for (int round = 0; round < 100 && !replica->is_leader(); ++round) env_.run_for(100ms);
    const Instant deadline = env_.clock().monotonic() + 2s;
    return status_of(env_.run(replica->propose(to_bytes(as_bytes(command)), deadline)));
  }
  void run_both_and_fence_one() {
    for (const GroupId group : {kBrittle, kWell}) {
      bear(group);
      ASSERT_TRUE(start(group).ok());
      ASSERT_TRUE(propose(group, "good").ok());
    }
    EXPECT_FALSE(propose(kBrittle, kBad).ok());
    env_.run_for(1s);
  }
  ReplicaHost::Presence presence(GroupId group) {
    return node_->host().presence(group, replica_of(group));
  }

  MemoryEnv env_;
  ReplicaNodeConfig config_;
  std::unique_ptr<ReplicaNode> node_;
};

TEST_F(ReplicaFence, AReplicaThatCannotApplyIsLostAndItsNeighboursGoOn) {
  run_both_and_fence_one();
  const auto replica = node_->host().find(kBrittle);
  ASSERT_NE(replica, nullptr);
  EXPECT_TRUE(replica->damaged());
  EXPECT_FALSE(replica->is_leader());
  EXPECT_FALSE(replica->serving());
  EXPECT_EQ(presence(kBrittle), ReplicaHost::Presence::lost);
  EXPECT_EQ(presence(kWell), ReplicaHost::Presence::running);
  EXPECT_TRUE(propose(kWell, "more").ok());
  EXPECT_FALSE(propose(kBrittle, "more").ok());
}

// The log still has what cannot be applied.
TEST_F(ReplicaFence, ARestartDoesNotForgetIt) {
  run_both_and_fence_one();
  open();
  ASSERT_EQ(presence(kBrittle), ReplicaHost::Presence::born);
  (void)start(kBrittle);
  ASSERT_TRUE(start(kWell).ok());
  env_.run_for(20s);  // It elects itself, and applies what was committed.
  EXPECT_EQ(presence(kBrittle), ReplicaHost::Presence::lost);
  EXPECT_FALSE(propose(kBrittle, "more").ok());
  EXPECT_TRUE(propose(kWell, "more").ok());
}

TEST_F(ReplicaFence, ALostReplicaCanBeRemoved) {
  run_both_and_fence_one();
  ASSERT_EQ(presence(kBrittle), ReplicaHost::Presence::lost);
  ASSERT_TRUE(env_.run(node_->host().drop(kBrittle, replica_of(kBrittle))).has_value());
  EXPECT_EQ(presence(kBrittle), ReplicaHost::Presence::absent);
  EXPECT_TRUE(propose(kWell, "more").ok());
}

}  // namespace
}  // namespace vectron
