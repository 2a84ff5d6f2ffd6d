// What takes long is done in pieces, or elsewhere: nothing holds a worker's event loop.
#include <set>

#include "tests/services/worker/worker_cluster.h"

namespace vectron {
namespace {

using sim::CrashKind;
using sim::LongTurn;

/// Knows the only server that there is.
class OneServer final : public PeerWatcher {
 public:
  void began(const PeerHolder* holder) override { holder_ = holder; }
  void ended(const PeerHolder*) override { holder_ = nullptr; }
  void turned_away(const PeerHolder*, std::string_view) override {}
  void answer_made(const PeerHolder*) override {}
  size_t bytes() const { return holder_ == nullptr ? 0 : holder_->counter().bytes(); }

 private:
  const PeerHolder* holder_ = nullptr;
};

class WorkerLoop : public WorkerCluster {
 protected:
  void boot_one(sim::WorldConfig config = {}) { boot_many(1, config); }
  void boot_many(uint32_t copies, sim::WorldConfig config = {}) {
    config.long_turn_sink = [this](const LongTurn& turn) {
      long_turns_.push_back(fmt::format("{} {} us", turn.node, to_microseconds(turn.turn)));
    };
    boot(1, copies, config);
    ASSERT_TRUE(create(1, copies).has_value());
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
  /// Points `first` to `first + count - 1`, with payloads of so many bytes.
  Task<Result<wire::WriteReply>> write_filled(uint64_t first, uint64_t count, size_t bytes) {
    wire::WriteRequest request;
    request.shard_id = 1;
    request.epoch = 1;
    for (uint64_t id = first; id < first + count; ++id) {
      wire::WriteOperation operation;
      operation.id.number = id;
      operation.vector = {static_cast<float>(id), 1, 1, 1};
      operation.payload.resize(bytes, 1);
      request.operations.push_back(std::move(operation));
    }
    auto client = worker(address_);
    return client.write(context(60s), std::move(request));
  }
  /// One point, by a request of this id.
  Task<Result<wire::WriteReply>> write_again(uint64_t request_id) {
    wire::WriteRequest request;
    request.shard_id = 1;
    request.epoch = 1;
    request.request_id = request_id;
    wire::WriteOperation operation;
    operation.id.number = request_id % 10;
    operation.vector = {1, 1, 1, 1};
    request.operations.push_back(std::move(operation));
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

  /// Writes 50 of the points 0 to `points - 1` again and again.
  Task<void> keep_writing(uint32_t points, bool* stop) {
    for (uint32_t round = 1; !*stop; ++round) {
      const auto value = static_cast<uint8_t>(2 + round % 100);
      const auto written = co_await write_points(round * 997 % (points - 50), 50, value);
      EXPECT_TRUE(written.has_value()) << status_of(written).to_string();
    }
    writer_ended_ = true;
  }
  /// Writes one of them after the other again, for ever.
  Task<void> keep_filling(uint32_t points, size_t bytes, bool* stop) {
    for (uint32_t round = 0; !*stop; ++round) {
      const auto written = co_await write_filled(round % points, 1, bytes);
      EXPECT_TRUE(written.has_value()) << status_of(written).to_string();
      co_await client_->env().clock().sleep_for(1ms);
    }
    writer_ended_ = true;
  }
  bool writer_ended_ = false;
  std::vector<std::string> long_turns_;
  Address address_;
};

TEST_F(WorkerLoop, ReadsTheDetailsOfALargeAnswerInPieces) {
  boot_one();
  constexpr uint32_t kPoints = 4'000;
  for (uint64_t first = 0; first < kPoints; first += 500) {
    ASSERT_TRUE(await(write_points(first, 500, 1)).has_value());
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

// Time passes between the pieces, and points are written in it. What is told of a hit is of the
// version that was found: its distance is that of its vector.
TEST_F(WorkerLoop, AnswersWhatItFoundWhilePointsAreWrittenAgain) {
  sim::WorldConfig config;
  config.buggify_point_ppm = 1'000'000;
  config.buggify_fire_ppm = 500'000;
  boot_one(config);
  constexpr uint32_t kPoints = 3'000;
  for (uint32_t first = 0; first < kPoints; first += 500) {
    ASSERT_TRUE(await(write_points(first, 500, 1)).has_value());
  }
  bool stop = false;
  client_->tasks().spawn(keep_writing(kPoints, &stop));
  std::set<float> values;
  for (int round = 0; round < 20; ++round) {
    const auto found = await(search_all(kPoints));
    ASSERT_TRUE(found.has_value()) << found.error().to_string();
    ASSERT_EQ(found->hits.size(), kPoints);
    for (const wire::ShardHit& hit : found->hits) {
      const auto id = static_cast<float>(hit.id.number);
      ASSERT_EQ(hit.vector[0], id);
      ASSERT_EQ(hit.vector[3], static_cast<float>(hit.payload[0]));
      ASSERT_EQ(hit.distance, id * id + hit.vector[3] * hit.vector[3]) << "of one version";
      ASSERT_LE(hit.version, found->applied_index);
      values.insert(hit.vector[3]);
    }
  }
  stop = true;
  ASSERT_TRUE(world_->run_until([&] { return writer_ended_; }, world_->now() + 10s));
  EXPECT_GT(values.size(), 10U);
  EXPECT_EQ(long_turns_, std::vector<std::string>());
}

TEST_F(WorkerLoop, CountsALargeAnswerWhileItIsRead) {
  sim::WorldConfig config;
  config.buggify_point_ppm = 1'000'000;
  config.buggify_fire_ppm = 1'000'000;  // Every pause takes its time.
  OneServer server;
  peer_watcher_ = &server;
  boot_one(config);
  constexpr uint32_t kPoints = 2'000;
  for (uint32_t first = 0; first < kPoints; first += 500) {
    ASSERT_TRUE(await(write_points(first, 500, 1)).has_value());
  }
  const size_t before = server.bytes();
  std::optional<Result<wire::ShardSearchReply>> found;
  client_->tasks().spawn(store(search_all(kPoints), &found));
  std::set<size_t> levels;
  const bool done = world_->run_until(
      [&] {
        levels.insert(server.bytes());
        return found.has_value();
      },
      world_->now() + 10s);
  ASSERT_TRUE(done);
  ASSERT_TRUE(found->has_value());
  constexpr size_t kHitBytes = 19;
  const size_t found_bytes = before + kPoints * sizeof(wire::ShardHit);
  EXPECT_GE(*levels.rbegin(), found_bytes + (kPoints - 2) * kHitBytes);
  const auto first = levels.lower_bound(found_bytes);
  EXPECT_GE(std::distance(first, levels.end()), 100) << "it grows with each piece";
  EXPECT_EQ(server.bytes(), before);
  TearDown();  // The server outlives nothing that it is told of.
}

// As the parts of one search do that several shards of a worker have. Together they are larger than
// what answers may hold, and points are written again while they are read.
TEST_F(WorkerLoop, AnswersTogetherForWhichThereIsNoRoomAreMadeOneAfterTheOther) {
  sim::WorldConfig config;
  config.buggify_point_ppm = 1'000'000;
  config.buggify_fire_ppm = 700'000;  // Pieces are short, and time passes between them.
  peer_bounds_.frame_bytes_max = 1 << 20;
  peer_bounds_.body_bytes_in_flight_max = 4 << 20;  // A quarter of it for the answers of a host.
  boot_one(config);
  constexpr uint32_t kPoints = 40;
  constexpr size_t kPayloadBytes = 15'000;
  ASSERT_TRUE(await(write_filled(0, kPoints, kPayloadBytes)).has_value());
  bool stop = false;
  client_->tasks().spawn(keep_filling(kPoints, kPayloadBytes, &stop));
  for (int round = 0; round < 5; ++round) {
    std::vector<std::optional<Result<wire::ShardSearchReply>>> found(4);
    for (auto& one : found) client_->tasks().spawn(store(search_all(kPoints), &one));
    ASSERT_TRUE(world_->run_until(
        [&] { return std::ranges::all_of(found, [](const auto& one) { return one.has_value(); }); },
        world_->now() + 60s));
    for (const auto& one : found) {
      ASSERT_TRUE(one->has_value()) << (*one).error().to_string();
      EXPECT_EQ((*one)->hits.size(), kPoints);
    }
  }
  stop = true;
  ASSERT_TRUE(world_->run_until([&] { return writer_ended_; }, world_->now() + 10s));
}

TEST_F(WorkerLoop, ReadsAFewPointsAtOnceAndRefusesMany) {
  boot_one();
  ASSERT_TRUE(await(write_points(0, 300, 1)).has_value());
  wire::ReadRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  request.ids.resize(256);
  for (size_t i = 0; i < request.ids.size(); ++i) request.ids[i].number = i;
  auto client = worker(address_);
  const auto read = await(client.read(context(), request));
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  EXPECT_EQ(read->points.size(), 256U);
  request.ids.resize(257);
  const auto refused = await(client.read(context(), request));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::invalid_argument);
  EXPECT_EQ(refused.error().field(), "ids");
  EXPECT_NE(refused.error().message().find("256"), std::string::npos);
  EXPECT_EQ(long_turns_, std::vector<std::string>());
}

TEST_F(WorkerLoop, TakesUpTheRequestsThatItRemembersInPieces) {
  replica_config_.emplace();
  replica_config_->kv.map_bytes_max = 16 << 20;
  replica_config_->overlay.flush_interval = 100ms;
  boot_one();
  constexpr uint64_t kRequests = 4'000;
  for (uint64_t first = 1; first <= kRequests; first += 500) {
    std::vector<std::optional<Result<wire::WriteReply>>> written(500);
    for (uint64_t i = 0; i < 500; ++i) {
      client_->tasks().spawn(store(write_again(first + i), &written[i]));
    }
    ASSERT_TRUE(world_->run_until(
        [&] {
          return std::ranges::all_of(written, [](const auto& one) { return one.has_value(); });
        },
        world_->now() + 60s));
    for (const auto& one : written) ASSERT_TRUE(one->has_value()) << (*one).error().to_string();
  }
  const auto before = await(write_again(17));
  ASSERT_TRUE(before.has_value());
  world_->run_for(2s);
  sim::SimNode& node = *world_->find_node("worker-0");
  node.crash(CrashKind::process_kill);
  start_worker(node, 0);
  auto after = await(write_again(17));
  for (int round = 0; round < 100 && !after.has_value(); ++round) {
    world_->run_for(200ms);
    after = await(write_again(17));
  }
  ASSERT_TRUE(after.has_value()) << after.error().to_string();
  EXPECT_EQ(after->applied_index, before->applied_index) << "the first time's answer";
  EXPECT_EQ(long_turns_, std::vector<std::string>());
}

TEST_F(WorkerLoop, TakesNoWriteThatATurnDoesNotApply) {
  boot_one();
  // A gateway's largest piece.
  const auto written = await(write_filled(0, 500, kWritePieceBytesMax / 500 - 64 - 16));
  ASSERT_TRUE(written.has_value()) << written.error().to_string();
  for (const auto& [count, bytes] : {std::pair{501U, 3U}, {2U, 700'000U}}) {
    const auto refused = await(write_filled(0, count, bytes));
    ASSERT_FALSE(refused.has_value()) << count;
    EXPECT_EQ(refused.error().code(), Code::invalid_argument);
    EXPECT_EQ(refused.error().field(), "operations");
  }
  EXPECT_EQ(long_turns_, std::vector<std::string>());
}

TEST_F(WorkerLoop, SendsAndTakesASnapshotOfManySmallPointsInPieces) {
  replica_config_.emplace();
  replica_config_->kv.map_bytes_max = 16 << 20;
  replica_config_->log_entries_kept_max = 2;
  boot_many(3);
  size_t away = 0;
  while (address_.text.starts_with(fmt::format("worker-{}", away))) ++away;
  sim::SimNode& follower = *world_->find_node(fmt::format("worker-{}", away));
  follower.crash(CrashKind::power_loss);
  for (uint64_t first = 0; first < 6'000; first += 250) {
    ASSERT_TRUE(await(write_points(first, 250, 1)).has_value());
  }
  world_->run_for(5s);  // Longer than the log waits for one that does not answer.
  start_worker(follower, away);
  EXPECT_TRUE(world_->run_until(
      [&] {
        return follower.running() &&
               follower.env().metrics().value(Metric::raft_snapshots_installed) > 0;
      },
      world_->now() + 30s));
  EXPECT_EQ(long_turns_, std::vector<std::string>());
}

// The log still has all that it missed.
TEST_F(WorkerLoop, FeedsAFollowerThatLagsOverManyTurns) {
  boot_many(3);
  size_t away = 0;
  while (address_.text.starts_with(fmt::format("worker-{}", away))) ++away;
  sim::SimNode& follower = *world_->find_node(fmt::format("worker-{}", away));
  follower.crash(CrashKind::power_loss);
  for (int round = 0; round < 8; ++round) {
    ASSERT_TRUE(await(write_filled(0, 1, kPayloadBytesMax)).has_value());
  }
  long_turns_.clear();
  start_worker(follower, away);
  world_->run_for(10s);
  EXPECT_EQ(follower.env().metrics().value(Metric::raft_snapshots_installed), 0U);
  EXPECT_GE(follower.env().metrics().value(Metric::worker_points_written), 8U);
  EXPECT_EQ(long_turns_, std::vector<std::string>()) << "of the leader, or of the follower";
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

// The smallest operations that there are: what they cost is not in their bytes.
TEST_F(WorkerLoop, AppliesALongLogOfRemovalsOverManyTurns) {
  replica_config_.emplace();
  replica_config_->kv.map_bytes_max = 16 << 20;
  replica_config_->overlay.flush_bytes_min = 8 << 20;
  replica_config_->overlay.flush_interval = 1h;
  boot_one();
  ASSERT_TRUE(await(write_points(0, 500, 1)).has_value());
  wire::WriteRequest request;
  request.shard_id = 1;
  request.epoch = 1;
  request.operations.resize(500);
  for (size_t i = 0; i < request.operations.size(); ++i) {
    request.operations[i].kind = wire::WriteKind::remove;
    request.operations[i].id.number = i;
  }
  for (int entry = 0; entry < 60; ++entry) {
    auto client = worker(address_);
    ASSERT_TRUE(await(client.write(context(), request)).has_value());
  }
  sim::SimNode& node = *world_->find_node("worker-0");
  node.crash(CrashKind::process_kill);
  start_worker(node, 0);
  const Instant restarted = world_->now();
  auto found = await(search_all(10));
  for (int round = 0; round < 1'000 && !found.has_value(); ++round) {
    world_->run_for(20ms);
    found = await(search_all(10));
  }
  EXPECT_LT(world_->now() - restarted, 3s) << "one turn after the other, and not one each tick";
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  EXPECT_TRUE(found->hits.empty());
  EXPECT_EQ(long_turns_, std::vector<std::string>());
}

// Pieces as large as a gateway writes them: what a follower does with one in one event is to read
// it, to look at it, and to put it into its log.
TEST_F(WorkerLoop, FollowsLargeWrites) {
  sim::WorldConfig config;
  config.long_turn_sink = [this](const LongTurn& turn) {
    long_turns_.push_back(fmt::format("{} {} us", turn.node, to_microseconds(turn.turn)));
  };
  replica_config_.emplace();
  replica_config_->kv.map_bytes_max = 64 << 20;
  boot(1, 3, config);
  ASSERT_TRUE(create(1, 3).has_value());
  address_ = leader();
  for (uint64_t piece = 0; piece < 16; ++piece) {
    wire::WriteRequest request;
    request.shard_id = 1;
    request.epoch = 1;
    request.request_id = piece + 1;
    for (uint64_t i = 0; i < 500; ++i) {
      wire::WriteOperation operation;
      operation.id.number = piece * 500 + i;
      operation.vector = {1, 2, 3, 4};
      operation.payload.resize(1'900);
      operation.payload.insert(operation.payload.end(),
                               {1, 4, 1});  // A number; it is the end that counts.
      request.operations.push_back(std::move(operation));
    }
    auto client = worker(address_);
    const auto written = await(client.write(context(), std::move(request)));
    ASSERT_TRUE(written.has_value()) << written.error().to_string();
  }
  world_->run_for(2s);
  EXPECT_EQ(long_turns_, std::vector<std::string>());
}

// It was taken for light, and gives up beyond its bound of distances.
TEST_F(WorkerLoop, BeginsASearchAgainThatIsHeavierThanItLooked) {
  sim::WorldConfig config;
  config.buggify_point_ppm = config.buggify_fire_ppm = 1'000'000;
  boot_one(config);
  ASSERT_TRUE(await(write_points(0, 200, 1)).has_value());
  const auto found = search({50, 1, 1, 1}, 3);
  ASSERT_TRUE(found.has_value()) << found.error().to_string();
  std::set<uint64_t> ids;
  for (const wire::ShardHit& hit : found->hits) ids.insert(hit.id.number);
  EXPECT_EQ(ids, (std::set<uint64_t>{49, 50, 51}));
  const Metrics& metrics = world_->find_node("worker-0")->env().metrics();
  EXPECT_EQ(metrics.value(Metric::worker_searches_begun_again), 1u);
}

}  // namespace
}  // namespace vectron
