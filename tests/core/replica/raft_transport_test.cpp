// What a RaftTransport sends, as the node that it is sent to sees it.
#include "core/replica/raft_transport.h"

#include <gtest/gtest.h>

#include "core/replica/batch_pieces.h"
#include "core/replica/replica_config.h"
#include "tests/core/rpc/rpc_env.h"

namespace vectron {
namespace {

class Batches final : public wire::RaftHandler {
 public:
  void step(RequestContext, wire::RaftBatch request) override {
    taken.push_back(std::move(request));
  }
  Task<Result<wire::SnapshotChunkReply>> install_snapshot(RequestContext,
                                                          wire::SnapshotChunk) override {
    co_return fail(Code::unimplemented, "this test sends no snapshots");
  }

  std::vector<wire::RaftBatch> taken;
};

raft::Message append_of(uint64_t previous, size_t entry_bytes) {
  raft::Message message;
  message.kind = raft::MessageKind::append;
  message.from = ReplicaId(1);
  message.to = ReplicaId(2);
  message.term = Term(1);
  message.index = LogIndex(previous);
  message.entries.push_back({Term(1), LogIndex(previous + 1), raft::EntryKind::normal,
                             raft::make_payload(Bytes(entry_bytes))});
  return message;
}

class RaftTransportTest : public ::testing::Test {
 protected:
  RaftTransportTest() {
    wire::serve(server_, static_cast<wire::RaftHandler&>(batches_));
    VECTRON_ASSERT(server_.start(to_.address).has_value());
  }
  static rpc::ServerConfig config_of(NodeId node) {
    rpc::ServerConfig config;
    config.identity.node = node;
    return config;
  }
  void send(raft::Message message) { transport_.send(GroupId(7), to_, std::move(message)); }

  testing::RpcWorld world_;
  testing::RpcEnv server_env_{world_, 1h};
  testing::RpcEnv env_{world_, 2h};
  const ReplicaMember to_{ReplicaId(2), NodeId(2), Address{"there:1"}};
  Batches batches_;
  rpc::Server server_{server_env_, config_of(to_.node)};
  RaftTransport transport_{&env_, {}};
};

// What waits to be overtaken goes out with a later batch, and not beside more than that takes.
TEST_F(RaftTransportTest, NoBatchIsLargerThanAReceiverLooksAtInATurn) {
  env_.fates = {MessageFate::deliver, MessageFate::overtake, MessageFate::deliver};
  send(append_of(1, 200 << 10));
  send(append_of(2, 200 << 10));
  send(append_of(3, 900 << 10));
  world_.run_for(100ms);
  ASSERT_EQ(batches_.taken.size(), 3U);
  for (const wire::RaftBatch& batch : batches_.taken) EXPECT_TRUE(fits_in_a_turn(batch));
}

// An address that was given to another node: what it is sent was not said to it.
TEST_F(RaftTransportTest, SendsNothingToANodeThatAnswersInThePlaceOfAnother) {
  const ReplicaMember moved{ReplicaId(3), NodeId(3), to_.address};
  transport_.send(GroupId(7), moved, append_of(1, 100));
  world_.run_for(5s);
  EXPECT_TRUE(batches_.taken.empty());
  send(append_of(1, 100));
  world_.run_for(100ms);
  EXPECT_EQ(batches_.taken.size(), 1U);
}

// A log may have such an entry from before there were bounds of what is proposed.
TEST_F(RaftTransportTest, AnEntryOfBeforeIsSent) {
  send(append_of(1, 8 << 20));
  world_.run_for(100ms);
  ASSERT_EQ(batches_.taken.size(), 1U);
  EXPECT_TRUE(fits_in_a_turn(batches_.taken[0]));
  EXPECT_EQ(batches_.taken[0].messages[0].entries[0].data.size(), size_t{8} << 20);
}

}  // namespace
}  // namespace vectron
