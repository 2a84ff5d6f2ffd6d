#include "services/daemon/local_cluster.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "net/in_process_network.h"

namespace vectron {
namespace {

Task<void> keep(std::optional<Result<void>>* out, Task<Result<void>> task) {
  Result<void> ended = co_await task;
  out->emplace(std::move(ended));
}

// Whoever asks a process to stop does not wait for it to be ready first.
TEST(LocalCluster, StopsInOrderWhenItIsToldToBeforeItIsReady) {
  std::string pattern = testing::TempDir() + "vectron-up-XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  LogSink sink(LogLevel::error);
  ProductionPools pools(ProductionPools::Config{1, 1, 1});
  EventLoop loop;
  InProcessNetwork network(loop.scheduler(), nullptr);
  auto disk = FileDisk::open(loop, {&pools.files, &pools.key_values}, pattern);
  ASSERT_TRUE(disk.has_value()) << disk.error().to_string();
  {
    Settings settings;
    settings.data = pattern;
    settings.rpc = Address{"@gateway:1"};
    settings.workers = 2;
    LocalCluster cluster({&sink, &pools, &loop, &network}, disk->get(), settings);
    Event stop(loop.scheduler());
    bool ready = false;
    std::optional<Result<void>> ended;
    TaskGroup tasks(loop.scheduler());
    tasks.spawn(
        keep(&ended, cluster.run(&stop, [&ready](const ReadyAddresses&) { ready = true; })));
    stop.set();
    loop.run_until([&ended] { return ended.has_value(); });
    EXPECT_TRUE(ended->has_value()) << ended->error().to_string();
    EXPECT_FALSE(ready);
  }
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace vectron
