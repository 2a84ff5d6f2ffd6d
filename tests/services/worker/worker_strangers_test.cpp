// What strangers may leave with the placement driver, and whom they can keep out.
#include "core/rpc/channel.h"
#include "tests/services/worker/worker_cluster.h"

namespace vectron {
namespace {

class WorkerStrangers : public WorkerCluster {
 protected:
  /// As whoever says Hello with that number.
  Status register_as(uint64_t node, uint64_t incarnation, std::string zone = {}) {
    rpc::ClientConfig config;
    config.identity = {kTestCluster, NodeId(node), incarnation};
    wire::PlacementClient client(
        std::make_shared<rpc::Channel>(client_->env(), members_[0].address, config));
    wire::RegisterWorkerRequest request;
    request.node_id = node;
    request.address = "nowhere:1";
    request.zone = std::move(zone);
    request.incarnation = incarnation;
    request.folder_id = 666;
    return status_of(await(client.register_worker(context(), std::move(request))));
  }
  size_t workers_on_record() {
    auto client = placement(0);
    const auto listed = await(client.list_workers(context(), {}));
    return listed.has_value() ? listed->workers.size() : 0;
  }
};

TEST_F(WorkerStrangers, FillNoRecordForEver) {
  workers_max_ = 4;
  boot(1, 2);
  ASSERT_TRUE(create(1, 2).has_value());
  ASSERT_EQ(workers_on_record(), 2U);
  EXPECT_TRUE(register_as(1'000, 1).ok());
  EXPECT_TRUE(register_as(1'001, 1).ok());
  // They may yet report: whoever comes now is asked to come again.
  world_->run_for(16s);
  ASSERT_EQ(workers_on_record(), 4U);
  // They never did, so they make room; the others hold copies.
  for (uint64_t node = 2'000; node < 2'010; ++node) EXPECT_TRUE(register_as(node, 1).ok());
  EXPECT_LE(workers_on_record(), 4U);
  start_worker(world_->add_node("worker-2"), 2);
  world_->run_for(5s);
  EXPECT_TRUE(ready_.contains("worker-2"));
  EXPECT_TRUE(write(1, {1, 1, 1, 1}).has_value());
}

TEST_F(WorkerStrangers, AreRefusedWhileAllOnRecordAreInUse) {
  workers_max_ = 2;
  boot(1, 2);
  ASSERT_TRUE(create(1, 2).has_value());
  const Status soon = register_as(1'000, 1);
  EXPECT_EQ(soon.code(), Code::unavailable) << "this leader does not know yet who is there";
  world_->run_for(16s);
  const Status refused = register_as(1'000, 1);
  EXPECT_EQ(refused.code(), Code::resource_exhausted) << refused.to_string();
  EXPECT_EQ(refused.field(), "node_id");
  EXPECT_EQ(workers_on_record(), 2U);
}

TEST_F(WorkerStrangers, LeaveNoLongTextsOnRecord) {
  boot(1, 1);
  world_->run_for(3s);
  const Status refused = register_as(1'000, 1, std::string(kWorkerTextBytesMax + 1, 'z'));
  EXPECT_EQ(refused.code(), Code::invalid_argument);
  EXPECT_EQ(refused.field(), "zone");
  EXPECT_TRUE(register_as(1'000, 1, std::string(kWorkerTextBytesMax, 'z')).ok());
}

// A gateway looks at payloads before it sends them, a stranger does not: each search that found the
// point would fail at its client.
TEST_F(WorkerStrangers, StoreNoPayloadThatNobodyCanRead) {
  boot(1, 1);
  ASSERT_TRUE(create(1, 1).has_value());
  wire::WriteRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  wire::WriteOperation& operation = request.operations.emplace_back();
  operation.id.number = 1;
  operation.vector = {1, 1, 1, 1};
  auto client = worker(Address{"worker-0:1"});
  for (const Bytes& payload : {Bytes{1, 2, 3}, Bytes{7}, Bytes(300, 0xFF)}) {
    request.operations[0].payload = payload;
    const Status refused = status_of(await(client.write(context(), request)));
    EXPECT_EQ(refused.code(), Code::invalid_argument) << payload.size();
    EXPECT_EQ(refused.field(), "operations[0].payload");
  }
  request.operations[0].payload = {5, 0x04, 0x01};  // One small number.
  EXPECT_TRUE(await(client.write(context(), request)).has_value());
}

// The greatest start that there can be, said in the name of a worker that holds nothing yet.
TEST_F(WorkerStrangers, KeepNoWorkerOutByTheNumberOfAStart) {
  boot(1, 2);
  world_->run_for(3s);
  EXPECT_TRUE(register_as(101, UINT64_MAX).ok());
  world_->run_for(5s);
  const auto made = create(1, 2);
  ASSERT_TRUE(made.has_value()) << made.error().to_string();
  EXPECT_TRUE(write(1, {1, 1, 1, 1}).has_value());
  // And not after it started again, either.
  world_->find_node("worker-1")->crash(sim::CrashKind::process_kill);
  EXPECT_FALSE(register_as(101, UINT64_MAX).ok()) << "its copies lie in another folder";
  world_->run_for(1s);
  start_worker(*world_->find_node("worker-1"), 1);
  world_->run_for(5s);
  EXPECT_TRUE(write(2, {1, 1, 1, 1}).has_value());
}

}  // namespace
}  // namespace vectron
