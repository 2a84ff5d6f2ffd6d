#include "services/daemon/role_node.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "net/in_process_network.h"
#include "services/placement/placement_service.h"
#include "tests/support/read_exactly.h"

namespace vectron {
namespace {

Task<void> keep(std::optional<Result<void>>* out, Task<Result<void>> task) {
  Result<void> ended = co_await task;
  out->emplace(std::move(ended));
}

Task<void> ask(Env* env, std::string target, std::string host, std::optional<int>* status) {
  auto connected = co_await env->network().connect(Address{"@probes:1"});
  const std::string request = "GET " + target + " HTTP/1.0\r\nHost: " + host + "\r\n\r\n";
  const auto written = co_await write_all(connected->get(), as_bytes(request));
  EXPECT_TRUE(written.has_value());
  std::array<uint8_t, 12> head;
  const auto read = co_await read_exactly(connected->get(), head);
  EXPECT_TRUE(read.has_value());
  status->emplace(std::stoi(std::string(as_text(ByteView(head)).substr(9))));
}

// A first start waits for every member, perhaps for hours: whoever watches the process must be able
// to tell that from one that hangs.
TEST(RoleNode, AnswersProbesWhileItWaitsForTheOtherMembers) {
  std::string pattern = testing::TempDir() + "vectron-role-XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  LogSink sink(LogLevel::error);
  ProductionPools pools(ProductionPools::Config{1, 1, 1});
  EventLoop loop;
  InProcessNetwork network(loop.scheduler(), nullptr);
  Condition changed(loop.scheduler());
  const Ground ground{&sink, &pools, &loop, &network};
  {
    auto opened = RoleNode::open(ground, "placement-1", pattern + "/node", &changed);
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    RoleNode& node = **opened;
    PlacementConfig config;
    config.cluster = ClusterId(1);
    config.node = NodeId(1);
    config.listen = Address{"@placement-1:1"};
    config.members = {{NodeId(1), config.listen}, {NodeId(2), Address{"@placement-2:1"}}};
    config.bootstrap = true;
    std::optional<Result<void>> started;
    TaskGroup tasks(loop.scheduler());
    tasks.spawn(keep(&started, node.start(Runnable(std::move(config), &run_placement),
                                          Probes::Config{Address{"@probes:1"}, {}})));
    const auto status_of = [&](std::string target, std::string host = "localhost") {
      std::optional<int> status;
      tasks.spawn(ask(&node.env(), std::move(target), std::move(host), &status));
      loop.run_until([&status] { return status.has_value(); });
      return *status;
    };
    EXPECT_EQ(status_of("/livez"), 200);
    EXPECT_EQ(status_of("/readyz"), 503);
    EXPECT_EQ(status_of("/metrics"), 200);
    EXPECT_EQ(status_of("/metrics", "rebound.example"), 421);
    EXPECT_EQ(status_of("/livez", "rebound.example"), 200);
    EXPECT_FALSE(started.has_value());
    node.request_stop();
    loop.run_until([&started] { return started.has_value(); });
    EXPECT_EQ(started->error().code(), Code::cancelled);
  }
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace vectron
