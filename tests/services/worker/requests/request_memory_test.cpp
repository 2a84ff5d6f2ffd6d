// What a shard remembers of requests, against a dumb twin that keeps a list.
#include "services/worker/request_memory.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <list>

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
    const auto loaded = memory_.load(overlay_.get());
    VECTRON_ASSERT(loaded.has_value());
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
    record.timestamp = at_ms << 16;
    record.applied_index = index_;
    record.existed = {1, 0};
    VECTRON_ASSERT(memory_.remember(record).has_value());
    overlay_->end_entry();
  }
  std::optional<stored::RequestRecord> find(uint64_t id, uint32_t piece = 0) {
    return *memory_.find({id, piece});
  }
  size_t size() const { return memory_.size(); }
  uint64_t index() const { return index_; }

 private:
  RequestMemoryLimits limits_;
  MemoryEnv env_;
  std::unique_ptr<KvStore> store_;
  std::unique_ptr<OverlayStore> overlay_;
  RequestMemory memory_;
  uint64_t index_ = 0;
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

TEST(RequestMemory, ForgetsByAgeButNeverTheYoungest) {
  Memory memory({.requests_min = 3, .requests_max = 100, .kept_for = 1s});
  memory.remember(1, 1'000);
  memory.remember(2, 1'100);
  memory.remember(3, 500'000);  // A clock jumped.
  EXPECT_TRUE(memory.find(1).has_value());
  memory.remember(4, 1'200);  // And back: the newest timestamp stays.
  EXPECT_FALSE(memory.find(1).has_value());
  EXPECT_TRUE(memory.find(2).has_value());
  memory.remember(5, 1'300);
  EXPECT_FALSE(memory.find(2).has_value());
  EXPECT_EQ(memory.size(), 3U);
  memory.remember(6, 1'400);
  EXPECT_EQ(memory.size(), 4U) << "those after the jump are as young as it";
}

// Forgets at most so many at once; small enough here that the twin need not know.
RC_GTEST_PROP(RequestMemory, IsWhatAListWouldBe, ()) {
  const RequestMemoryLimits limits{.requests_min = 4, .requests_max = 9, .kept_for = 50ms};
  Memory memory(limits);
  struct Kept {
    uint64_t id;
    uint64_t at_ms;
  };
  std::list<Kept> twin;
  uint64_t now = 0;
  uint64_t newest = 0;
  for (uint64_t id = 1; id < 60; ++id) {
    now += *rc::gen::inRange<uint64_t>(0, 30);
    const uint64_t jump = *rc::gen::inRange<uint64_t>(0, 40);
    newest = std::max(newest, now + jump);
    memory.remember(id, now + jump);
    twin.push_back({id, newest});
    while (twin.size() > limits.requests_max ||
           (twin.size() > limits.requests_min && newest - twin.front().at_ms > 50)) {
      twin.pop_front();
    }
    if (*rc::gen::inRange(0, 10) == 0) memory.reload();
    RC_ASSERT(memory.size() == twin.size());
    for (uint64_t each = 1; each <= id; ++each) {
      const bool kept = each >= twin.front().id;
      RC_ASSERT(memory.find(each).has_value() == kept);
    }
  }
}

}  // namespace
}  // namespace vectron
