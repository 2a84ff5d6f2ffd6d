// The overlay over a store whose blocking work really runs on another thread, as in production.
// Meant for ThreadSanitizer; it asserts values under any build.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "core/replica/overlay.h"
#include "tests/core/kv/scrub_all.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

/// One thread that runs blocking work in order; joined by its destructor after all of it ran.
class BlockingThread {
 public:
  BlockingThread() : thread_([this] { loop(); }) {}
  ~BlockingThread() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  void push(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
    }
    changed_.notify_one();
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
      if (queue_.empty()) return;
      const std::function<void()> work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  bool ending_ = false;
  std::thread thread_;
};

class ThreadedDirectory final : public BlockingDirectory {
 public:
  ThreadedDirectory(Scheduler* scheduler, BlockingThread* thread, std::string path)
      : scheduler_(scheduler), thread_(thread), path_(std::move(path)) {}
  const std::string& path() const override { return path_; }
  Task<void> run(BlockingCost, std::function<void()> work) override {
    auto done = std::make_shared<std::atomic<bool>>(false);
    thread_->push([done, work = std::move(work)] {
      work();
      done->store(true, std::memory_order_release);
    });
    // Virtual time passes while the thread works, so the loop goes on reading meanwhile.
    while (!done->load(std::memory_order_acquire)) {
      SleepAwaiter pause(*scheduler_, scheduler_->now() + 1us);
      co_await pause;
    }
  }

 private:
  Scheduler* scheduler_;
  BlockingThread* thread_;
  std::string path_;
};

struct ThreadedReplica {
  ThreadedReplica() {
    env.disk().make_directory = [this](std::string path) {
      return std::make_unique<ThreadedDirectory>(&env.scheduler(), &thread, std::move(path));
    };
    KvConfig kv;
    kv.map_bytes_max = 64 << 20;
    store = *env.run(KvStore::open(&env, "kv", kv));
    OverlayConfig config;
    config.flush_bytes_min = 2'000;
    config.flush_bytes_max = 20'000;
    config.flush_interval = std::chrono::microseconds(20);
    overlay = *OverlayStore::open(&env, store.get(), config);
  }

  BlockingThread thread;
  MemoryEnv env;
  std::unique_ptr<KvStore> store;
  std::unique_ptr<OverlayStore> overlay;
};

Task<void> flush_for_ever(OverlayStore* overlay) {
  const auto result = co_await overlay->flush_loop();
  VECTRON_ASSERT(!result.has_value(), "flush_loop ends with an error only");
}

std::string value_of(uint64_t key, uint64_t index) {
  return fmt::format("{}@{}", key, index) + std::string(50 + key % 200, 'v');
}

TEST(OverlayThreads, TheLoopReadsAndWritesWhileFlushesRunOnAThread) {
  ThreadedReplica replica;
  TaskGroup group(replica.env.scheduler());
  group.spawn(flush_for_ever(replica.overlay.get()));
  std::map<uint64_t, uint64_t> written;  // Key to the index of its last write.
  RandomStream random(7, "keys");
  constexpr uint64_t kEntries = 3000;
  for (uint64_t index = 1; index <= kEntries; ++index) {
    const uint64_t key = random.below(300);
    replica.overlay->begin_entry(LogIndex(index));
    const std::string name = fmt::format("key{}", key);
    ASSERT_TRUE(
        replica.overlay->put(as_bytes(name), to_bytes(as_bytes(value_of(key, index)))).has_value());
    replica.overlay->end_entry();
    written[key] = index;
    replica.overlay->set_durable_index(LogIndex(index));
    const uint64_t asked = random.below(300);
    const auto value = replica.overlay->get(as_bytes(fmt::format("key{}", asked)));
    ASSERT_TRUE(value.has_value());
    ASSERT_EQ(value->has_value(), written.contains(asked));
    if (value->has_value()) ASSERT_EQ(as_text(**value), value_of(asked, written[asked]));
    if (index % 500 == 0) {
      size_t items = 0;
      const auto end = replica.overlay->scan({}, [&](ByteView, ByteView) { return ++items > 0; });
      ASSERT_TRUE(end.has_value());
      ASSERT_EQ(items, written.size());
    }
    replica.env.try_run_one();
  }
  while (replica.overlay->flushed_index() < LogIndex(kEntries)) replica.env.try_run_one();
  EXPECT_EQ(replica.overlay->digest(), replica.store->digest());
  EXPECT_GT(replica.env.metrics().value(Metric::kv_commits), 10u);
  EXPECT_TRUE(replica.env.run(scrub_all(replica.store.get())).has_value());
}

TEST(OverlayThreads, AStoreMayDieWhileItsCommitRunsOnAThread) {
  for (int round = 0; round < 20; ++round) {
    ThreadedReplica replica;
    {
      TaskGroup group(replica.env.scheduler());
      group.spawn(flush_for_ever(replica.overlay.get()));
      replica.overlay->begin_entry(LogIndex(1));
      for (int i = 0; i < 200; ++i) {
        ASSERT_TRUE(
            replica.overlay->put(as_bytes(fmt::format("k{}", i)), Bytes(500, 1)).has_value());
      }
      replica.overlay->end_entry();
      replica.overlay->set_durable_index(LogIndex(1));
      for (int i = 0; i < round; ++i) replica.env.try_run_one();
    }
    replica.overlay.reset();
    replica.store.reset();
  }
}

}  // namespace
}  // namespace vectron
