// What a shard remembers of requests, against a dumb twin that keeps a list.
#include "services/worker/request_memory.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>
#include <list>

#include "services/worker/shard_state.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

class Memory {
 public:
  explicit Memory(RequestMemoryLimits limits) : limits_(limits), memory_(limits) {
    KvConfig config;
    config.map_bytes_max = 16 << 20;
    auto store = env_.run(KvStore::open(&env_, "kv", config));
    VECTRON_ASSERT(store.has_value());
    store_ = *std::move(store);
    overlay_ = *OverlayStore::open(&env_, store_.get(), OverlayConfig());
    reload();
  }

  void reload() {
    memory_ = RequestMemory(limits_);
    memory_.begin_load(overlay_.get());
    pages_ = 0;
    KvScanEnd next = Bytes();
    for (; next; ++pages_) {
      const Result<KvScanEnd> end = memory_.load_page(*next);
      VECTRON_ASSERT(end.has_value());
      next = *end;
    }
  }
  /// Puts something else into the store, as a point would be.
  void put(Bytes key) {
    overlay_->begin_entry(LogIndex(++index_));
    VECTRON_ASSERT(overlay_->put(key, Bytes{1}).has_value());
    overlay_->end_entry();
  }
  void remember(uint64_t id, uint64_t at_ms, uint32_t piece = 0) {
    overlay_->begin_entry(LogIndex(++index_));
    stored::RequestRecord record;
    record.request_id = id;
    record.piece = piece;
    record.clock = at_ms << 16;
    record.applied_index = index_;
    record.existed = {1, 0};
    VECTRON_ASSERT(memory_.remember(record).has_value());
    overlay_->end_entry();
  }
  std::optional<stored::RequestRecord> find(uint64_t id, uint32_t piece = 0) {
    return *memory_.find({id, piece});
  }
  bool has_room(uint64_t at_ms) const { return memory_.has_room(at_ms << 16); }
  size_t size() const { return memory_.size(); }
  uint64_t index() const { return index_; }
  size_t pages() const { return pages_; }

 private:
  RequestMemoryLimits limits_;
  MemoryEnv env_;
  std::unique_ptr<KvStore> store_;
  std::unique_ptr<OverlayStore> overlay_;
  RequestMemory memory_;
  uint64_t index_ = 0;
  size_t pages_ = 0;  // Of the last load.
};

TEST(RequestMemory, TellsPiecesApartAndSurvivesAReload) {
  Memory memory({});
  memory.put(Bytes(20, 0));
  memory.put(Bytes(20, 'r'));
  memory.remember(UINT64_MAX, 5);
  memory.remember(UINT64_MAX, 6, 1);
  memory.remember(0x72, 7);
  memory.reload();
  EXPECT_EQ(memory.size(), 3U);
  ASSERT_TRUE(memory.find(UINT64_MAX, 1).has_value());
  EXPECT_EQ(memory.find(UINT64_MAX, 1)->applied_index, 4U);
  EXPECT_EQ(memory.find(UINT64_MAX)->existed, (Bytes{1, 0}));
  EXPECT_FALSE(memory.find(UINT64_MAX, 2).has_value());
  EXPECT_FALSE(memory.find(1).has_value());
}

TEST(RequestMemory, IsLoadedInPages) {
  Memory memory({});
  constexpr uint64_t kRequests = 2'500;
  for (uint64_t id = 1; id <= kRequests; ++id) memory.remember(id, id);
  memory.reload();
  EXPECT_EQ(memory.size(), kRequests);
  EXPECT_GE(memory.pages(), 3U);
  for (uint64_t id = 1; id <= kRequests; ++id) EXPECT_TRUE(memory.find(id).has_value());
}

TEST(RequestMemory, ForgetsByAgeButNeverTheYoungest) {
  Memory memory({.requests_min = 3, .requests_max = 100, .kept_for = 1s, .kept_at_least = 800ms});
  memory.remember(1, 1'000);
  memory.remember(2, 1'100);
  memory.remember(3, 1'700);
  memory.remember(4, 1'900);
  EXPECT_TRUE(memory.find(1).has_value());
  memory.remember(5, 2'050);
  EXPECT_FALSE(memory.find(1).has_value());
  EXPECT_TRUE(memory.find(2).has_value());
  memory.remember(6, 9'000);
  EXPECT_FALSE(memory.find(2).has_value());
  EXPECT_TRUE(memory.find(4).has_value()) << "an age of 950 ms: the step counts as 800";
  EXPECT_EQ(memory.size(), 3U);
  memory.remember(7, 9'800);
  EXPECT_FALSE(memory.find(4).has_value());
  EXPECT_TRUE(memory.find(5).has_value()) << "too old, but one of the last three";
}

TEST(RequestMemory, AClockThatJumpsCountsAsOneStepEitherWay) {
  Memory memory({.requests_min = 1, .requests_max = 100, .kept_for = 1s, .kept_at_least = 400ms});
  memory.remember(1, 1'000);
  memory.remember(2, 900'000'000);
  memory.remember(3, 1'100);
  EXPECT_TRUE(memory.find(1).has_value());
  memory.reload();
  memory.remember(4, 1'250);
  EXPECT_TRUE(memory.find(1).has_value()) << "an age of 950 ms";
  memory.remember(5, 1'350);
  EXPECT_FALSE(memory.find(1).has_value());
  EXPECT_TRUE(memory.find(2).has_value());
}

TEST(RequestMemory, HasNoRoomWhileTheOldestIsTooYoungToGo) {
  Memory memory({.requests_min = 1, .requests_max = 2, .kept_for = 10s, .kept_at_least = 1s});
  memory.remember(1, 5'000);
  EXPECT_TRUE(memory.has_room(5'001));
  memory.remember(2, 5'500);
  EXPECT_FALSE(memory.has_room(5'999));
  EXPECT_TRUE(memory.find(1).has_value());
  memory.reload();
  EXPECT_FALSE(memory.has_room(5'999));
  EXPECT_TRUE(memory.has_room(6'000));
  memory.remember(3, 6'000);
  EXPECT_FALSE(memory.find(1).has_value());
  EXPECT_EQ(memory.size(), 2U);
}

// Forgets at most so many at once; small enough here that the twin need not know.
RC_GTEST_PROP(RequestMemory, IsWhatAListWouldBe, ()) {
  const RequestMemoryLimits limits{
      .requests_min = 4, .requests_max = 9, .kept_for = 120ms, .kept_at_least = 60ms};
  Memory memory(limits);
  struct Kept {
    uint64_t id;
    uint64_t at_ms;
  };
  std::list<Kept> twin;
  int64_t clock = 10'000;
  int64_t last = 0;
  uint64_t time = 0;
  for (uint64_t id = 1; id < 60; ++id) {
    clock += *rc::gen::inRange<int64_t>(-20, 40);
    const uint64_t now = time + std::min<uint64_t>(std::abs(clock - last), 60);
    const bool room = twin.size() < limits.requests_max || now - twin.front().at_ms >= 60;
    RC_ASSERT(memory.has_room(clock) == room);
    if (!room) continue;
    memory.remember(id, clock);
    time = now;
    last = clock;
    twin.push_back({id, time});
    while (twin.size() > limits.requests_max ||
           (twin.size() > limits.requests_min && time - twin.front().at_ms > 120)) {
      twin.pop_front();
    }
    if (*rc::gen::inRange(0, 10) == 0) memory.reload();
    RC_ASSERT(memory.size() == twin.size());
    for (const Kept& each : twin) RC_ASSERT(memory.find(each.id).has_value());
    for (uint64_t each = 1; each < twin.front().id; ++each) {
      RC_ASSERT(!memory.find(each).has_value());
    }
  }
}

/// Applies commands to the state of a shard whose memory is small.
class SmallShard {
 public:
  explicit SmallShard(RequestMemoryLimits limits) : state_(&env_, options(), limits) {
    KvConfig config;
    config.map_bytes_max = 16 << 20;
    store_ = *env_.run(KvStore::open(&env_, "kv", config));
    overlay_ = *OverlayStore::open(&env_, store_.get(), OverlayConfig());
    const auto loaded =
        env_.run(state_.load(overlay_.get(), StateHome{.name = {}, .folder = "replica"}));
    VECTRON_ASSERT(loaded.has_value());
  }

  static ShardOptions options() {
    ShardOptions options;
    options.dimension = 1;
    options.distance = Distance::euclidean;
    return options;
  }
  static stored::ShardCommand command(uint64_t request_id, uint64_t at_ms, float value) {
    stored::ShardCommand command;
    command.header.schema_version = request_id != 0 ? 2 : 1;
    command.header.request_id = request_id;
    command.header.timestamp = at_ms << 16;
    command.operations.resize(1);
    command.operations[0].vectors.push_back({"", {value}});
    return command;
  }
  Result<ShardAnswer> apply(const stored::ShardCommand& command) {
    const LogIndex index = overlay_->applied_index() + 1;
    overlay_->begin_entry(index);
    const auto answer = state_.apply(index, encode(command));
    overlay_->end_entry();
    if (!answer.has_value()) return fail(answer.error());
    return decode_shard_answer(*answer);
  }
  float value() const { return (*state_.read(PointId(uint64_t{0})))->vectors[0].values[0]; }
  const ShardState& state() const { return state_; }

 private:
  MemoryEnv env_;
  std::unique_ptr<KvStore> store_;
  std::unique_ptr<OverlayStore> overlay_;
  ShardState state_;
};

TEST(ShardState, RefusesANewRequestRatherThanForgetAYoungOne) {
  using Refusal = ShardAnswer::Refusal;
  SmallShard shard({.requests_min = 1, .requests_max = 2, .kept_for = 10s, .kept_at_least = 1s});
  EXPECT_EQ(shard.apply(SmallShard::command(1, 5'000, 1))->refused, Refusal::none);
  EXPECT_EQ(shard.apply(SmallShard::command(2, 5'100, 2))->refused, Refusal::none);
  const stored::ShardCommand third = SmallShard::command(3, 5'200, 3);
  EXPECT_FALSE(*shard.state().has_room_for(third.header));
  EXPECT_EQ(shard.apply(third)->refused, Refusal::memory_full);
  EXPECT_EQ(shard.value(), 2);
  // A repetition needs no room, and is recognised still.
  const stored::ShardCommand again = SmallShard::command(1, 5'300, 1);
  EXPECT_TRUE(*shard.state().has_room_for(again.header));
  EXPECT_EQ(shard.apply(again)->index, LogIndex(1));
  EXPECT_EQ(shard.value(), 2);
  EXPECT_EQ(shard.apply(SmallShard::command(0, 5'400, 4))->refused, Refusal::none);
  EXPECT_EQ(shard.value(), 4);
  EXPECT_EQ(shard.apply(SmallShard::command(3, 6'100, 3))->refused, Refusal::none);
  EXPECT_EQ(shard.value(), 3);
}

TEST(ShardState, AppliesNoEntryOfANewerSchema) {
  SmallShard shard({});
  stored::ShardCommand command = SmallShard::command(1, 5'000, 1);
  command.header.schema_version = 3;
  EXPECT_EQ(status_of(shard.apply(command)).code(), Code::data_loss);
}

}  // namespace
}  // namespace vectron
