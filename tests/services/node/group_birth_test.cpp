// What a member believes of the others before a configured group exists.
#include "services/node/group_birth.h"

#include <gtest/gtest.h>

#include "core/rpc/server.h"
#include "net/in_process_network.h"
#include "schemas/placement_rpc.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

constexpr ConfiguredGroup kGroup{GroupId(77), "the test's group", "test"};

// Answers as `node`, whatever its address is.
class FakeMember final : public wire::GroupPeerHandler {
 public:
  explicit FakeMember(uint64_t node) : node_(node) {}

  uint64_t group = kGroup.id.value();

  Task<Result<wire::GroupPresenceReply>> group_presence(RequestContext,
                                                        wire::GroupPresenceRequest) override {
    wire::GroupPresenceReply reply;
    reply.presence = wire::GroupPresence::born;
    reply.node_id = node_;
    reply.group_id = group;
    co_return reply;
  }

 private:
  uint64_t node_;
};

// Member 1 of three on its first start; a test says who answers at the addresses of 2 and 3.
class GroupBirthTest : public testing::Test {
 protected:
  GroupBirthTest() {
    env_.links = &network_;
    config_.cluster = ClusterId(9);
    config_.node = NodeId(1);
    config_.listen = Address{"@placement-1:1"};
    for (uint64_t node = 1; node <= 3; ++node) {
      config_.members.push_back({NodeId(node), Address{fmt::format("@placement-{}:1", node)}});
    }
    config_.bootstrap = true;
    config_.wal.segment_bytes_max = 1 << 20;
  }

  void serve(size_t address, FakeMember* member) {
    rpc::ServerConfig server_config;
    server_config.identity.node = config_.members[address - 1].node;
    servers_.push_back(std::make_unique<rpc::Server>(env_, server_config));
    wire::serve(*servers_.back(), static_cast<wire::GroupPeerHandler&>(*member));
    ASSERT_TRUE(servers_.back()->start(config_.members[address - 1].address).has_value());
  }
  /// Whether the member may take part after a while.
  bool takes_part() {
    auto opened = env_.run(ReplicaNode::open(&env_, config_.replica_node()));
    VECTRON_ASSERT(opened.has_value());
    GroupBirth birth(&env_, &config_, kGroup, opened->get());
    std::optional<Result<void>> ended;
    TaskGroup group(env_.scheduler());
    group.spawn(keep(&ended, birth.run()));
    env_.run_for(10s);
    return ended.has_value() && ended->has_value();
  }
  static Task<void> keep(std::optional<Result<void>>* out, Task<Result<void>> task) {
    Result<void> ended = co_await task;
    out->emplace(std::move(ended));
  }

  MemoryEnv env_;
  InProcessNetwork network_{env_.scheduler(), nullptr};
  GroupNodeConfig config_;
  std::vector<std::unique_ptr<rpc::Server>> servers_;
};

TEST_F(GroupBirthTest, TakesPartWhenEveryOtherMemberIsBorn) {
  FakeMember second(2);
  FakeMember third(3);
  serve(2, &second);
  serve(3, &third);
  EXPECT_TRUE(takes_part());
}

TEST_F(GroupBirthTest, WaitsWhileOneMemberAnswersAtTwoAddresses) {
  FakeMember second(2);
  serve(2, &second);
  serve(3, &second);
  EXPECT_FALSE(takes_part());
}

TEST_F(GroupBirthTest, WaitsWhileItsOwnAnswersComeBack) {
  FakeMember itself(1);
  serve(2, &itself);
  serve(3, &itself);
  EXPECT_FALSE(takes_part());
}

TEST_F(GroupBirthTest, WaitsWhileAMemberSpeaksOfAnotherGroup) {
  FakeMember second(2);
  FakeMember third(3);
  third.group = 5;
  serve(2, &second);
  serve(3, &third);
  EXPECT_FALSE(takes_part());
}

// It is no older program: who asks it turns to another node, and comes back later.
TEST_F(GroupBirthTest, IsUnavailableToOthersWhileItWaits) {
  auto opened = env_.run(ReplicaNode::open(
      &env_, {config_.cluster, config_.node, config_.replica, config_.wal, nullptr}));
  ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
  GroupBirth birth(&env_, &config_, kGroup, opened->get());
  std::optional<Result<void>> ended;
  TaskGroup group(env_.scheduler());
  group.spawn(keep(&ended, birth.run()));
  rpc::ClientConfig client_config;
  client_config.identity.cluster = config_.cluster;
  rpc::ChannelPool channels(env_, client_config);
  RequestContext context;
  context.deadline = env_.clock().monotonic() + 10s;
  wire::PlacementClient gateway(channels.channel(config_.listen));
  EXPECT_EQ(status_of(env_.run(gateway.list_collections(context, {}))).code(), Code::unavailable);
  EXPECT_EQ(status_of(env_.run(gateway.heartbeat(context, {}))).code(), Code::unavailable);
  wire::GroupPeerClient member(channels.channel(config_.listen));
  EXPECT_TRUE(env_.run(member.group_presence(context, {})).has_value());
}

TEST_F(GroupBirthTest, RefusesTwoMembersWithOneNodeOrOneAddress) {
  EXPECT_TRUE(config_.validate().has_value());
  GroupNodeConfig shared = config_;
  shared.members[2].address = shared.members[1].address;
  EXPECT_EQ(shared.validate().error().field(), "members");
  GroupNodeConfig twice = config_;
  twice.members[2].node = NodeId(2);
  EXPECT_EQ(twice.validate().error().field(), "members");
}

}  // namespace
}  // namespace vectron
