// Paused processes: none of their code runs, their kernel goes on.
#include <gtest/gtest.h>

#include "sim/world/env.h"
#include "sim/world/world.h"
#include "tests/sim/world/run_task.h"
#include "tests/support/read_exactly.h"

namespace vectron::sim {
namespace {

Task<void> tick(Env* env, Duration interval, std::vector<Instant>* ticks) {
  while (true) {
    co_await env->clock().sleep_for(interval);
    ticks->push_back(env->clock().monotonic());
  }
}

TEST(Pause, HoldsBackWhatIsDueAndRunsItAfterwards) {
  SimWorld world(1, {});
  SimNode& node = world.add_node("a");
  std::vector<Instant> ticks;
  node.start([&](Env& env) { return tick(&env, 100ms, &ticks); });
  world.run_until(Instant(1'050ms));
  EXPECT_EQ(ticks.size(), 10u);
  EXPECT_TRUE(node.pause(2s));
  EXPECT_TRUE(node.paused());
  world.run_until(Instant(3s));
  EXPECT_EQ(ticks.size(), 10u);
  world.run_until(Instant(3'100ms));
  EXPECT_FALSE(node.paused());
  ASSERT_EQ(ticks.size(), 11u);
  EXPECT_EQ(ticks.back(), Instant(3'050ms));  // Its monotonic clock went on.
  EXPECT_EQ(world.faults().count(FaultClass::pause), 1u);
}

TEST(Pause, DoesNotCountWhenNothingWasDue) {
  SimWorld world(1, {});
  SimNode& node = world.add_node("a");
  node.start();
  EXPECT_TRUE(node.pause(1s));
  world.run_until(Instant(2s));
  EXPECT_EQ(world.faults().count(FaultClass::pause), 0u);
}

TEST(Pause, LeavesTheOthersRunning) {
  SimWorld world(1, {});
  std::vector<Instant> ticks;
  SimNode& paused = world.add_node("a");
  SimNode& other = world.add_node("b");
  paused.start();
  other.start([&](Env& env) { return tick(&env, 100ms, &ticks); });
  EXPECT_TRUE(paused.pause(1s));
  world.run_until(Instant(1s));
  EXPECT_EQ(ticks.size(), 10u);
}

TEST(Pause, EndsWithTheProcess) {
  SimWorld world(1, {});
  SimNode& node = world.add_node("a");
  std::vector<Instant> ticks;
  node.start([&](Env& env) { return tick(&env, 100ms, &ticks); });
  EXPECT_TRUE(node.pause(10s));
  world.run_until(Instant(1s));
  EXPECT_TRUE(node.crash(CrashKind::process_kill));
  EXPECT_FALSE(node.paused());
  node.start([&](Env& env) { return tick(&env, 100ms, &ticks); });
  world.run_until(Instant(2s));
  EXPECT_EQ(ticks.size(), 10u);
}

Task<void> serve_echo(Env* env) {
  auto listener = env->network().listen({"a:1"});
  auto connection = co_await (*listener)->accept();
  Bytes bytes(16);
  while (true) {
    const auto read = co_await (*connection)->read_some(bytes);
    if (!read.has_value() || *read == 0) co_return;
    const auto written = co_await write_all(connection->get(), ByteView(bytes).first(*read));
    if (!written.has_value()) co_return;
  }
}

Task<Instant> ask(Env* env) {
  auto connection = co_await env->network().connect({"a:1"});
  Bytes bytes = {1, 2, 3};
  const auto written = co_await write_all(connection->get(), bytes);
  EXPECT_TRUE(written.has_value());
  const auto read = co_await read_exactly(connection->get(), bytes);
  EXPECT_TRUE(read.has_value());
  co_return env->scheduler().now();
}

TEST(Pause, KeepsConnectionsAndAnswersLate) {
  SimWorld world(1, {});
  SimNode& server = world.add_node("a");
  SimNode& client = world.add_node("b");
  server.start([](Env& env) { return serve_echo(&env); });
  client.start();
  world.run_until(Instant(1s));
  EXPECT_TRUE(server.pause(3s));
  const Instant answered = run(client, ask(&client.env()));
  EXPECT_GE(answered, Instant(4s));
  EXPECT_LT(answered, Instant(4'100ms));
}

TEST(Pause, DoesNothingWhenItsClassIsOff) {
  WorldConfig config;
  config.fault_classes.remove(FaultClass::pause);
  SimWorld world(1, config);
  SimNode& node = world.add_node("a");
  node.start();
  EXPECT_FALSE(node.pause(1s));
  EXPECT_FALSE(node.paused());
}

}  // namespace
}  // namespace vectron::sim
