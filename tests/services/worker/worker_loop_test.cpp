// What takes long is done in pieces, or elsewhere: nothing holds a worker's event loop.
#include "tests/services/worker/worker_cluster.h"

namespace vectron {
namespace {

using sim::CrashKind;
using sim::LongTurn;

class WorkerLoop : public WorkerCluster {
 protected:
  void boot_one() {
    sim::WorldConfig config;
    config.long_turn_sink = [this](const LongTurn& turn) {
      long_turns_.push_back(fmt::format("{} {} us", turn.node, to_microseconds(turn.turn)));
    };
    boot(1, 1, config);
    ASSERT_TRUE(create(1, 1).has_value());
    address_ = leader();
  }
  /// Points `first` to `first + count - 1`, whose vectors and payloads say `value`.
  Task<Result<wire::WriteReply>> write_points(uint64_t first, uint64_t count, uint8_t value) {
    wire::WriteRequest request;
    request.shard_id = 1;
    request.epoch = 1;
    for (uint64_t id = first; id < first + count; ++id) {
      wire::WriteOperation operation;
      operation.id.number = id;
      operation.vector = {static_cast<float>(id), 1, 1, static_cast<float>(value)};
      operation.payload = {value, 4, 1};  // A FlexBuffer: a number of one byte.
      request.operations.push_back(std::move(operation));
    }
    auto client = worker(address_);
    return client.write(context(60s), std::move(request));
  }
  Task<Result<wire::ShardSearchReply>> search_all(uint32_t k) {
    wire::ShardSearchRequest request;
    request.shard_id = 1;
    request.epoch = 1;
    request.vector = {0, 1, 1, 0};
    request.k = k;
    request.exact = true;
    request.include_payload = true;
    request.include_vector = true;
    auto client = worker(address_);
    return client.search(context(60s), std::move(request));
  }

  std::vector<std::string> long_turns_;
  Address address_;
};

TEST_F(WorkerLoop, ReadsTheDetailsOfALargeAnswerInPieces) {
  boot_one();
  constexpr uint32_t kPoints = 4'000;
  for (uint64_t first = 0; first < kPoints; first += 1'000) {
    ASSERT_TRUE(await(write_points(first, 1'000, 1)).has_value());
  }
  const auto found = await(search_all(kPoints));
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  ASSERT_EQ(found->hits.size(), kPoints);
  for (const wire::ShardHit& hit : found->hits) {
    ASSERT_EQ(hit.payload, (Bytes{1, 4, 1}));
    ASSERT_EQ(hit.vector[0], static_cast<float>(hit.id.number));
  }
  EXPECT_EQ(long_turns_, std::vector<std::string>());
}

TEST_F(WorkerLoop, AnswersOneStateWhilePointsAreWrittenAgain) {
  boot_one();
  constexpr uint32_t kPoints = 600;
  ASSERT_TRUE(await(write_points(0, kPoints, 1)).has_value());
  for (uint8_t value = 2; value < 30; ++value) {
    std::optional<Result<wire::WriteReply>> written;
    client_->tasks().spawn(store(write_points(value * 7, 50, value), &written));
    const auto found = await(search_all(kPoints));
    ASSERT_TRUE(found.has_value()) << found.error().to_string();
    ASSERT_EQ(found->hits.size(), kPoints);
    for (const wire::ShardHit& hit : found->hits) {
      ASSERT_EQ(hit.vector[3], static_cast<float>(hit.payload[0])) << "of one version";
    }
    ASSERT_TRUE(world_->run_until([&] { return written.has_value(); }, world_->now() + 10s));
  }
  EXPECT_EQ(long_turns_, std::vector<std::string>());
}

TEST_F(WorkerLoop, AppliesALongLogOverManyTurns) {
  replica_config_.emplace();
  replica_config_->kv.map_bytes_max = 16 << 20;
  replica_config_->overlay.flush_bytes_min = 8 << 20;
  replica_config_->overlay.flush_interval = 1h;
  boot_one();
  for (uint64_t first = 0; first < 6'000; first += 500) {
    ASSERT_TRUE(await(write_points(first, 500, 1)).has_value());
  }
  sim::SimNode& node = *world_->find_node("worker-0");
  node.crash(CrashKind::process_kill);
  start_worker(node, 0);
  auto found = await(search_all(6'000));
  for (int round = 0; round < 100 && !found.has_value(); ++round) {
    world_->run_for(200ms);
    found = await(search_all(6'000));
  }
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_EQ(found->hits.size(), 6'000U);
  EXPECT_EQ(long_turns_, std::vector<std::string>());
}

}  // namespace
}  // namespace vectron
