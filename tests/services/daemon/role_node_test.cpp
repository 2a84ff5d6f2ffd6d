#include "services/daemon/role_node.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/http/client.h"
#include "net/in_process_network.h"

namespace vectron {
namespace {

Task<void> keep(std::optional<Result<void>>* out, Task<Result<void>> task) {
  Result<void> ended = co_await task;
  out->emplace(std::move(ended));
}

Task<void> ask(Env* env, std::string target, std::optional<int>* status) {
  http::Client client(*env, Address{"@probes:1"}, http::ClientConfig());
  http::ClientRequest request;
  request.target = std::move(target);
  const Instant deadline = env->clock().monotonic() + 10s;
  const auto answer = co_await client.send(std::move(request), deadline);
  status->emplace(answer.has_value() ? answer->status : 0);
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
    tasks.spawn(keep(&started, node.start(std::move(config), Address{"@probes:1"})));
    const auto status_of = [&](std::string target) {
      std::optional<int> status;
      tasks.spawn(ask(&node.env(), std::move(target), &status));
      loop.run_until([&status] { return status.has_value(); });
      return *status;
    };
    EXPECT_EQ(status_of("/livez"), 200);
    EXPECT_EQ(status_of("/readyz"), 503);
    EXPECT_FALSE(started.has_value());
    node.request_stop();
    loop.run_until([&started] { return started.has_value(); });
    EXPECT_EQ(started->error().code(), Code::cancelled);
  }
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace vectron
