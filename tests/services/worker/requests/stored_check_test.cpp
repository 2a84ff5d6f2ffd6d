// A shard takes nothing that its index, or one commit, cannot hold: out of no log and no store.
#include "services/worker/stored_check.h"

#include <gtest/gtest.h>

#include <limits>

#include "services/worker/request_memory.h"
#include "services/worker/shard_state.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Case {
  std::string_view what;
  Distance distance;
  std::vector<float> vector;
  bool good;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"as it should be", Distance::cosine, {1, 2}, true},
      {"zero under cosine", Distance::cosine, {0, 0}, false},
      {"zero under dot", Distance::dot, {0, 0}, true},
      {"not a number", Distance::cosine, {kNaN, 1}, false},
      {"not a number under dot", Distance::dot, {1, kNaN}, false},
      {"infinite", Distance::euclidean, {1, -kInfinity}, false},
      {"too long", Distance::euclidean, {1e30F, 1}, false},
      {"long under cosine", Distance::cosine, {1e30F, 1}, true},
      // Refused from clients by now; stored by older versions.
      {"short", Distance::dot, {1e-20F, 0}, true},
      {"of another dimension", Distance::cosine, {1, 2, 3}, false},
  };
  return kCases;
}

stored::ShardOperation upsert(uint64_t id, std::vector<float> vector) {
  stored::ShardOperation operation;
  operation.id.number = id;
  operation.vectors.push_back({"", std::move(vector)});
  return operation;
}

// A shard's state over a store of its own.
class StoredCheck : public testing::Test {
 protected:
  void open(Distance distance, HashRange range = {}) {
    state_.reset();
    overlay_.reset();
    store_.reset();
    KvConfig config;
    config.map_bytes_max = 4 << 20;
    store_ = *env_.run(KvStore::open(&env_, fmt::format("kv-{}", ++folders_), config));
    overlay_ = *OverlayStore::open(&env_, store_.get(), OverlayConfig());
    ShardOptions options;
    options.dimension = 2;
    options.distance = distance;
    options.range = range;
    state_ = std::make_unique<ShardState>(&env_, options);
    ASSERT_TRUE(load().has_value());
  }
  Result<void> load() {
    return env_.run(state_->load(overlay_.get(), {.folder = "replica", .generation = 1}));
  }
  Result<Bytes> apply(const stored::ShardCommand& command) {
    overlay_->begin_entry(overlay_->applied_index() + 1);
    auto applied = state_->apply(overlay_->applied_index() + 1, encode(command));
    if (!applied.has_value()) overlay_->fail_entry(applied.error());
    if (applied.has_value()) overlay_->end_entry();
    return applied;
  }
  void put(const Bytes& key, const Bytes& value) {
    overlay_->begin_entry(overlay_->applied_index() + 1);
    ASSERT_TRUE(overlay_->put(key, value).has_value());
    overlay_->end_entry();
  }

  MemoryEnv env_;
  int folders_ = 0;
  std::unique_ptr<KvStore> store_;
  std::unique_ptr<OverlayStore> overlay_;
  std::unique_ptr<ShardState> state_;
};

TEST_F(StoredCheck, RefusesVectorsThatTheIndexCannotHold) {
  for (const Case& test : cases()) {
    open(test.distance);
    stored::ShardCommand command;
    command.operations.push_back(upsert(7, test.vector));
    EXPECT_EQ(state_->check(encode(command), 1 << 20).has_value(), test.good) << test.what;
    const auto applied = apply(command);
    EXPECT_EQ(applied.has_value(), test.good) << test.what;
    if (!test.good) EXPECT_EQ(applied.error().code(), Code::data_loss) << test.what;
  }
}

TEST_F(StoredCheck, RefusesStoresWithVectorsThatTheIndexCannotHold) {
  for (const Case& test : cases()) {
    open(test.distance);
    stored::StoredPoint point;
    point.id.number = 7;
    point.version = 1;
    point.vectors.push_back({"", test.vector});
    const Bytes key = point_key(PointId(7));
    EXPECT_EQ(state_->check_pair(key, encode(point)).has_value(), test.good) << test.what;
    put(key, encode(point));
    const auto loaded = load();
    EXPECT_EQ(loaded.has_value(), test.good) << test.what;
    if (!test.good) EXPECT_EQ(loaded.error().code(), Code::data_loss) << test.what;
  }
}

TEST_F(StoredCheck, RefusesPointsOfOtherShardsAndUnderOtherKeys) {
  const HashRange upper{uint64_t{1} << 63, UINT64_MAX};
  uint64_t inside = 0;
  while (!upper.contains(placement_hash(PointId(inside)))) ++inside;
  uint64_t outside = 0;
  while (upper.contains(placement_hash(PointId(outside)))) ++outside;
  open(Distance::cosine, upper);
  stored::ShardCommand command;
  command.operations.push_back(upsert(inside, {1, 2}));
  EXPECT_TRUE(state_->check(encode(command), 1 << 20).has_value());
  command.operations.push_back(upsert(outside, {1, 2}));
  EXPECT_EQ(state_->check(encode(command), 1 << 20).error().field(), "id");
  command.operations.back().kind = stored::OperationKind::remove;
  EXPECT_EQ(state_->check(encode(command), 1 << 20).error().field(), "id");
  stored::StoredPoint point;
  point.id.number = inside;
  point.vectors.push_back({"", {1, 2}});
  EXPECT_TRUE(state_->check_pair(point_key(PointId(inside)), encode(point)).has_value());
  EXPECT_FALSE(state_->check_pair(point_key(PointId(inside + 1)), encode(point)).has_value());
  point.id.number = outside;
  EXPECT_FALSE(state_->check_pair(point_key(PointId(outside)), encode(point)).has_value());
}

TEST_F(StoredCheck, RefusesRecordsOfRequestsToCome) {
  open(Distance::cosine);
  stored::RequestRecord record;
  record.request_id = 5;
  record.applied_index = 1'000;
  const Bytes key = request_key({5, 0});
  EXPECT_TRUE(state_->check_pair(key, encode(record)).has_value());
  EXPECT_FALSE(state_->check_pair(request_key({6, 0}), encode(record)).has_value());
  put(key, encode(record));
  EXPECT_EQ(load().error().code(), Code::data_loss);
}

TEST_F(StoredCheck, StartsNoShardOfWhichNoIndexCanBeMade) {
  ShardOptions options;
  options.dimension = 2;
  options.index.m = 1;
  ShardState state(&env_, options);
  open(Distance::cosine);
  const auto loaded = env_.run(state.load(overlay_.get(), {.folder = "replica", .generation = 1}));
  EXPECT_EQ(loaded.error().code(), Code::data_loss);
}

TEST(StoredBytes, AreAtLeastWhatApplyingWrites) {
  stored::ShardCommand command;
  command.operations.push_back(upsert(1, std::vector<float>(100, 1.0F)));
  command.operations.push_back(upsert(2, std::vector<float>(100, 1.0F)));
  for (stored::ShardOperation& operation : command.operations) operation.payload.resize(5'000);
  stored::StoredPoint point;
  point.id = command.operations.front().id;
  point.vectors = command.operations.front().vectors;
  point.payload = command.operations.front().payload;
  EXPECT_GE(stored_bytes_max(command), 2 * encode(point).size());
}

}  // namespace
}  // namespace vectron
