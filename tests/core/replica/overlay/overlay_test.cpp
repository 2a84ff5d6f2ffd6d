#include "core/replica/overlay.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "tests/support/memory_env.h"

namespace vectron {
namespace {

using Model = std::map<std::string, std::string>;
/// One entry of the log: writes in order, without a value: erased.
using EntryWrites = std::vector<std::pair<std::string, std::optional<std::string>>>;

Bytes bytes_of(std::string_view text) {
  return to_bytes(as_bytes(text));
}

uint64_t digest_of(const Model& model) {
  uint64_t sum = 0;
  for (const auto& [key, value] : model) sum += kv_pair_hash(as_bytes(key), as_bytes(value));
  return sum;
}

KvConfig small_kv() {
  KvConfig config;
  config.map_bytes_max = 4 << 20;
  config.readers_max = 8;
  return config;
}

/// A replica's storage: a store and its overlay, which a crash takes away and reopens.
struct Replica {
  explicit Replica(OverlayConfig with = {}) : config(with) { open(); }
  void open() {
    overlay.reset();
    store.reset();
    store = *env.run(KvStore::open(&env, "kv", small_kv()));
    overlay = *OverlayStore::open(&env, store.get(), config);
  }
  void apply(uint64_t index, const EntryWrites& writes) {
    overlay->begin_entry(LogIndex(index));
    for (const auto& [key, value] : writes) {
      const Result<void> done =
          value ? overlay->put(as_bytes(key), bytes_of(*value)) : overlay->erase(as_bytes(key));
      VECTRON_ASSERT(done.has_value());
    }
    overlay->end_entry();
  }
  std::optional<std::string> get(std::string_view key) {
    const auto value = overlay->get(as_bytes(key));
    VECTRON_ASSERT(value.has_value());
    if (!value->has_value()) return std::nullopt;
    return std::string(as_text(**value));
  }
  Model content() {
    Model model;
    const auto end = overlay->scan({}, [&](ByteView key, ByteView value) {
      model.emplace(as_text(key), as_text(value));
      return true;
    });
    VECTRON_ASSERT(end.has_value() && !end->has_value());
    return model;
  }
  bool flush() { return *env.run(overlay->flush_some()); }

  OverlayConfig config;
  MemoryEnv env;
  std::unique_ptr<KvStore> store;
  std::unique_ptr<OverlayStore> overlay;
};

TEST(Overlay, ShowsWritesAtOnceAndTheStoreOnlyAfterAFlush) {
  Replica replica;
  replica.apply(1, {{"a", "1"}, {"b", "2"}});
  replica.apply(2, {{"a", std::nullopt}});
  EXPECT_EQ(replica.get("a"), std::nullopt);
  EXPECT_EQ(replica.get("b"), "2");
  EXPECT_EQ(replica.store->item_count(), 0u);
  replica.overlay->set_durable_index(LogIndex(2));
  EXPECT_TRUE(replica.flush());
  EXPECT_EQ(replica.store->item_count(), 1u);
  EXPECT_EQ(replica.overlay->overlay_bytes(), 0u);
  EXPECT_EQ(replica.get("b"), "2");
  EXPECT_FALSE(replica.flush());
}

TEST(Overlay, CommitsOnlyWhatTheLogHoldsDurably) {
  Replica replica;
  replica.apply(1, {{"a", "1"}});
  replica.apply(2, {{"a", "2"}});
  EXPECT_FALSE(replica.flush());
  replica.overlay->set_durable_index(LogIndex(1));
  EXPECT_TRUE(replica.flush());
  EXPECT_EQ(replica.overlay->flushed_index(), LogIndex(1));
  EXPECT_EQ(replica.get("a"), "2");
  replica.open();
  // Exactly the state at entry 1, though entry 2 had overwritten it in memory.
  EXPECT_EQ(replica.overlay->applied_index(), LogIndex(1));
  EXPECT_EQ(replica.get("a"), "1");
}

TEST(Overlay, MovesTheAppliedIndexOverEntriesWithoutWrites) {
  Replica replica;
  replica.apply(1, {});
  replica.apply(2, {{"a", "1"}});
  replica.apply(3, {});
  replica.overlay->set_durable_index(LogIndex(9));
  EXPECT_TRUE(replica.flush());
  EXPECT_EQ(replica.overlay->flushed_index(), LogIndex(3));
  replica.open();
  EXPECT_EQ(replica.overlay->applied_index(), LogIndex(3));
}

TEST(Overlay, AFlushTakesWholeEntriesUpToItsBytes) {
  OverlayConfig config;
  config.flush_bytes_max = 500;
  config.flush_bytes_min = 1;
  Replica replica(config);
  for (uint64_t index = 1; index <= 4; ++index) {
    replica.apply(index, {{fmt::format("a{}", index), std::string(100, 'x')},
                          {fmt::format("b{}", index), "y"}});
  }
  replica.overlay->set_durable_index(LogIndex(4));
  EXPECT_TRUE(replica.flush());
  EXPECT_EQ(replica.overlay->flushed_index(), LogIndex(2));
  EXPECT_EQ(replica.store->item_count(), 4u);
  EXPECT_TRUE(replica.flush());
  EXPECT_EQ(replica.overlay->flushed_index(), LogIndex(4));
}

TEST(Overlay, AFlushTakesWholeEntriesUpToItsWrites) {
  OverlayConfig config;
  config.flush_writes_max = 5;
  config.flush_bytes_min = 1;
  Replica replica(config);
  for (uint64_t index = 1; index <= 3; ++index) {
    replica.apply(index, {{fmt::format("a{}", index), "x"}, {fmt::format("b{}", index), "y"}});
  }
  replica.apply(4, {{"1", "x"}, {"2", "x"}, {"3", "x"}, {"4", "x"}, {"5", "x"}, {"6", "x"}});
  replica.overlay->set_durable_index(LogIndex(4));
  for (const uint64_t flushed : {2u, 3u, 4u}) {
    EXPECT_TRUE(replica.flush());
    EXPECT_EQ(replica.overlay->flushed_index(), LogIndex(flushed));
  }
}

TEST(Overlay, RefusesAnEntryThatIsLargerThanACommit) {
  Replica replica;
  const std::string half(small_kv().batch_bytes_max / 2, 'x');
  replica.overlay->begin_entry(LogIndex(1));
  EXPECT_TRUE(replica.overlay->put(as_bytes("a"), bytes_of(half)).has_value());
  const auto second = replica.overlay->put(as_bytes("b"), bytes_of(half));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Code::data_loss);
  replica.overlay->fail_entry(second.error());
  EXPECT_EQ(replica.overlay->applied_index(), LogIndex());
}

TEST(Overlay, DigestIsThatOfTheContentHoweverMuchIsFlushed) {
  Replica replica;
  Replica lazy;
  Model model;
  for (uint64_t index = 1; index <= 30; ++index) {
    const std::string key = fmt::format("k{}", index % 7);
    const EntryWrites writes{
        {key, index % 3 == 0 ? std::nullopt : std::optional(fmt::format("{}", index))}};
    replica.apply(index, writes);
    lazy.apply(index, writes);
    writes[0].second ? (void)(model[key] = *writes[0].second) : (void)model.erase(key);
    if (index % 4 == 0) {
      replica.overlay->set_durable_index(LogIndex(index));
      replica.flush();
    }
    EXPECT_EQ(replica.overlay->digest(), digest_of(model));
    EXPECT_EQ(lazy.overlay->digest(), digest_of(model));
  }
}

TEST(Overlay, ReadsStayRightWhileAFlushIsInFlight) {
  Replica replica;
  replica.apply(1, {{"a", "1"}, {"b", "1"}});
  replica.overlay->set_durable_index(LogIndex(1));
  bool flushed = false;
  auto flush = [](OverlayStore* overlay, bool* done) -> Task<void> {
    const auto result = co_await overlay->flush_some();
    *done = result.has_value() && *result;
  };
  TaskGroup group(replica.env.scheduler());
  group.spawn(flush(replica.overlay.get(), &flushed));
  replica.env.try_run_one();
  ASSERT_FALSE(flushed);
  replica.apply(2, {{"a", "2"}, {"c", "2"}});
  EXPECT_EQ(replica.content(), (Model{{"a", "2"}, {"b", "1"}, {"c", "2"}}));
  replica.env.run_all();
  ASSERT_TRUE(flushed);
  EXPECT_EQ(replica.content(), (Model{{"a", "2"}, {"b", "1"}, {"c", "2"}}));
  EXPECT_EQ(replica.overlay->flushed_index(), LogIndex(1));
  EXPECT_EQ(as_text(**replica.store->get(as_bytes("a"))), "1");
}

// Rot, or a write that went elsewhere: the sums of both do not agree any more.
TEST(Overlay, AStoreThatDoesNotHoldWhatWasAppliedEndsTheFlushes) {
  Replica replica;
  replica.apply(1, {{"a", "1"}});
  KvBatch stray;
  stray.put(as_bytes("b"), bytes_of("2"));
  ASSERT_TRUE(replica.env.run(replica.store->commit(std::move(stray))).has_value());
  replica.overlay->set_durable_index(LogIndex(1));
  const auto flushed = replica.env.run(replica.overlay->flush_some());
  EXPECT_EQ(status_of(flushed).code(), Code::data_loss);
}

TEST(Overlay, TheFlushLoopKeepsUpAndMakesRoom) {
  OverlayConfig config;
  config.overlay_bytes_max = 10'000;
  config.flush_bytes_min = 4'000;
  config.flush_bytes_max = 4'000;
  config.flush_interval = 50ms;
  Replica replica(config);
  TaskGroup group(replica.env.scheduler());
  auto forever = [](OverlayStore* overlay) -> Task<void> {
    const auto result = co_await overlay->flush_loop();
    (void)result;
  };
  group.spawn(forever(replica.overlay.get()));
  size_t bytes_max = 0;
  for (uint64_t index = 1; index <= 200; ++index) {
    ASSERT_TRUE(replica.env.run(replica.overlay->wait_for_room()).has_value());
    replica.apply(index, {{fmt::format("k{}", index), std::string(500, 'x')}});
    replica.overlay->set_durable_index(LogIndex(index));
    bytes_max = std::max(bytes_max, replica.overlay->overlay_bytes());
  }
  EXPECT_LT(bytes_max, 11'000u);
  EXPECT_GT(replica.overlay->flushed_index(), LogIndex(150));
  // The rest by time alone.
  replica.env.run_for(1s);
  EXPECT_EQ(replica.overlay->flushed_index(), LogIndex(200));
  EXPECT_LT(replica.env.metrics().value(Metric::kv_commits), 60u);
}

TEST(Overlay, TheFlushLoopWaitsWhileTheStoreIsFull) {
  Replica replica;
  TaskGroup group(replica.env.scheduler());
  bool ended = false;
  auto loop = [](OverlayStore* overlay, bool* done) -> Task<void> {
    const auto result = co_await overlay->flush_loop();
    *done = !result.has_value();
  };
  group.spawn(loop(replica.overlay.get(), &ended));
  for (uint64_t index = 1; index <= 10; ++index) {
    replica.apply(index, {{fmt::format("k{}", index), std::string(1 << 20, 'x')}});
  }
  replica.overlay->set_durable_index(LogIndex(10));
  replica.env.run_for(5s);
  EXPECT_FALSE(ended);
  EXPECT_LT(replica.overlay->flushed_index(), LogIndex(10));
  EXPECT_EQ(replica.content().size(), 10u);
}

TEST(Overlay, ThePlantedBugCommitsTheAppliedIndexBeforeItsEntries) {
  Replica replica;
  replica.env.planted_bugs.insert("applied_index_apart");
  replica.apply(1, {{"a", "1"}});
  replica.overlay->set_durable_index(LogIndex(1));
  {
    TaskGroup group(replica.env.scheduler());
    auto flush = [](OverlayStore* overlay) -> Task<void> {
      const auto result = co_await overlay->flush_some();
      (void)result;
    };
    group.spawn(flush(replica.overlay.get()));
    while (replica.env.metrics().value(Metric::kv_commits) == 0) replica.env.try_run_one();
  }
  replica.open();
  EXPECT_EQ(replica.overlay->applied_index(), LogIndex(1));
  EXPECT_EQ(replica.get("a"), std::nullopt);
}

TEST(Overlay, APinnedReaderKnowsTheIndexOfItsCommit) {
  Replica replica;
  replica.apply(1, {{"a", "1"}});
  replica.overlay->set_durable_index(LogIndex(1));
  ASSERT_TRUE(replica.env.run(replica.overlay->flush_to(LogIndex(1))).has_value());
  auto reader = replica.store->open_reader();
  replica.apply(2, {{"a", "2"}});
  replica.overlay->set_durable_index(LogIndex(2));
  replica.flush();
  EXPECT_EQ(*OverlayStore::applied_index_of(reader->get()), LogIndex(1));
  std::string value;
  ASSERT_TRUE((*reader)
                  ->scan({},
                         [&](ByteView, ByteView found) {
                           value = as_text(found);
                           return true;
                         })
                  .has_value());
  EXPECT_EQ(value, "1");
  EXPECT_EQ(*OverlayStore::applied_index_of(replica.store.get()), LogIndex(2));
}

// Random entries, flushes (whole, in the background, cut short by a crash), reads and crashes
// against a map for each log index.
class OverlayModel {
 public:
  OverlayModel() {
    OverlayConfig config;
    config.flush_bytes_max = 400;
    config.flush_bytes_min = 1;
    replica_ = std::make_unique<Replica>(config);
    replica_->env.buggify_ppm = 200'000;
    tasks_ = std::make_unique<TaskGroup>(replica_->env.scheduler());
  }
  ~OverlayModel() { tasks_->cancel_all(); }

  void step() {
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
      case 1:
      case 2:
        return apply_entry();
      case 3:
        durable_ = std::max(durable_, *rc::gen::inRange<uint64_t>(0, applied_ + 1));
        return replica_->overlay->set_durable_index(LogIndex(durable_));
      case 4:
        return start_flush();
      case 5: {
        const int events = *rc::gen::inRange(1, 6);
        for (int i = 0; i < events; ++i) replica_->env.try_run_one();
        return;
      }
      case 6:
        return scan_some();
      default:
        if (*rc::gen::inRange(0, 4) == 0) crash();
    }
  }

  void check() {
    OverlayStore& overlay = *replica_->overlay;
    RC_ASSERT(overlay.applied_index() == LogIndex(applied_));
    RC_ASSERT(overlay.flushed_index() <= LogIndex(durable_));
    RC_ASSERT(replica_->content() == states_[applied_]);
    RC_ASSERT(overlay.digest() == digest_of(states_[applied_]));
    for (int i = 0; i < 8; ++i) {
      const std::string key = fmt::format("k{}", i);
      const auto found = states_[applied_].find(key);
      RC_ASSERT(replica_->get(key) ==
                (found == states_[applied_].end() ? std::nullopt : std::optional(found->second)));
    }
  }

 private:
  void apply_entry() {
    ++applied_;
    if (applied_ == log_.size()) {
      EntryWrites writes;
      const int count = *rc::gen::inRange(0, 4);
      for (int i = 0; i < count; ++i) {
        const std::string key = fmt::format("k{}", *rc::gen::inRange(0, 8));
        std::optional<std::string> value;
        if (*rc::gen::inRange(0, 3) != 0) {
          value = std::string(static_cast<size_t>(*rc::gen::inRange(0, 100)), 'v');
        }
        writes.emplace_back(key, value);
      }
      Model next = states_.back();
      for (const auto& [key, value] : writes) {
        value ? (void)(next[key] = *value) : (void)next.erase(key);
      }
      log_.push_back(writes);
      states_.push_back(next);
    }
    replica_->apply(applied_, log_[applied_]);  // After a crash: the replay of the log.
  }

  void start_flush() {
    auto flush = [](OverlayStore* overlay) -> Task<void> {
      const auto result = co_await overlay->flush_some();
      VECTRON_ASSERT(result.has_value());
    };
    tasks_->spawn(flush(replica_->overlay.get()));
  }

  void scan_some() {
    KvScanRange range;
    range.from = bytes_of(fmt::format("k{}", *rc::gen::inRange(0, 8)));
    if (*rc::gen::inRange(0, 2) == 0)
      range.until = bytes_of(fmt::format("k{}", *rc::gen::inRange(0, 8)));
    range.items_max = static_cast<size_t>(*rc::gen::inRange(1, 5));
    const Model& model = states_[applied_];
    auto expected = model.lower_bound(std::string(as_text(range.from)));
    while (true) {
      size_t given = 0;
      bool right = true;
      const auto end = replica_->overlay->scan(range, [&](ByteView key, ByteView value) {
        right = right && expected != model.end() && as_text(key) == expected->first &&
                as_text(value) == expected->second &&
                (!range.until || as_text(key) < as_text(*range.until));
        if (right) ++expected;
        return ++given > 0;
      });
      RC_ASSERT(right);
      RC_ASSERT(end.has_value());
      RC_ASSERT(given <= range.items_max);
      if (!end->has_value()) break;
      RC_ASSERT(given == range.items_max);
      range.from = **end;
    }
    const bool at_end =
        expected == model.end() || (range.until && expected->first >= as_text(*range.until));
    RC_ASSERT(at_end);
  }

  void crash() {
    tasks_->cancel_all();
    replica_->open();
    applied_ = replica_->overlay->applied_index().value();
    RC_ASSERT(applied_ <= durable_);
  }

  std::unique_ptr<Replica> replica_;
  std::unique_ptr<TaskGroup> tasks_;
  std::vector<EntryWrites> log_{{}};
  std::vector<Model> states_{{}};
  uint64_t applied_ = 0;
  uint64_t durable_ = 0;
};

RC_GTEST_PROP(OverlayModelTest, EqualsAMapAtEachIndexThroughFlushesAndCrashes, ()) {
  OverlayModel model;
  const int steps = *rc::gen::inRange(1, 150);
  for (int i = 0; i < steps; ++i) {
    model.step();
    model.check();
  }
}

}  // namespace
}  // namespace vectron
