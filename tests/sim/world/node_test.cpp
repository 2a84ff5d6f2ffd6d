#include "sim/world/node.h"

#include <gmock/gmock.h>

#include "sim/world/clock.h"
#include "tests/sim/world/run_task.h"

namespace vectron::sim {
namespace {

struct Alive {
  explicit Alive(int* count) : count_(count) { ++*count_; }
  Alive(const Alive&) = delete;
  ~Alive() { --*count_; }
  int* count_;
};

Task<void> live_for(Env* env, Duration duration, int* alive) {
  Alive here(alive);
  co_await env->clock().sleep_for(duration);
}

Task<void> die_by_own_hand(SimNode* node, int* steps) {
  ++*steps;
  node->crash(CrashKind::process_kill);
  ++*steps;
  co_await node->env().clock().sleep_for(1ns);
  ++*steps;
}

TEST(SimNode, EndsWhenItsMainReturns) {
  int alive = 0;
  SimWorld world(1, {});
  SimNode& node = world.add_node("a");
  node.start([&alive](Env& env) { return live_for(&env, 5s, &alive); });
  world.run_for(4s);
  EXPECT_TRUE(node.running());
  EXPECT_EQ(alive, 1);
  world.run_for(2s);
  EXPECT_FALSE(node.running());
  EXPECT_FALSE(node.powered_off());
  EXPECT_EQ(alive, 0);
}

TEST(SimNode, ACrashDestroysItsTasksAndAStartGivesAFreshIncarnation) {
  int alive = 0;
  SimWorld world(1, {});
  SimNode& node = world.add_node("a");
  node.start([&alive](Env& env) { return live_for(&env, 500s, &alive); });
  world.run_for(1s);
  const uint64_t first = node.env().random("x").next();
  EXPECT_TRUE(node.crash(CrashKind::process_kill));
  EXPECT_EQ(alive, 0);
  EXPECT_FALSE(node.crash(CrashKind::process_kill));
  node.start([&alive](Env& env) { return live_for(&env, 500s, &alive); });
  world.run_for(1s);
  EXPECT_EQ(alive, 1);
  EXPECT_EQ(node.incarnation(), 2u);
  EXPECT_NE(node.env().random("x").next(), first);
  EXPECT_EQ(world.faults().count(FaultClass::crash), 1u);
}

TEST(SimNode, ACrashFromWithinItsOwnTaskWaitsUntilNoFrameIsOnTheStack) {
  int steps = 0;
  SimWorld world(1, {});
  SimNode& node = world.add_node("a");
  node.start([&](Env&) { return die_by_own_hand(&node, &steps); });
  world.run_for(1s);
  EXPECT_EQ(steps, 2);
  EXPECT_FALSE(node.running());
}

TEST(SimNode, ItsClocksRunAtTheirOwnPace) {
  SimWorld world(1, {});
  NodeOptions fast;
  fast.drift_ppb = 100'000'000;
  fast.monotonic_offset = 7s;
  SimNode& node = world.add_node("fast", fast);
  node.start();
  Clock& clock = node.env().clock();
  EXPECT_EQ(clock.monotonic(), Instant(7s));
  world.run_for(10s);
  EXPECT_EQ(clock.monotonic(), Instant(18s));
  EXPECT_TRUE(run(node, [](Clock* c) -> Task<void> { co_await c->sleep_for(11s); }(&clock)));
  EXPECT_EQ(world.now(), Instant(20s));
  const WallTime before = clock.wall();
  node.step_clock(-5s);
  EXPECT_EQ(clock.wall(), before - 5s);
  EXPECT_EQ(clock.monotonic(), Instant(29s));
}

TEST(SimClock, ConversionNeverWakesTooEarly) {
  RandomStream random(3);
  for (int i = 0; i < 20'000; ++i) {
    SimClock clock({Duration(random.below(1'000'000'000)), 0ns,
                    static_cast<int64_t>(random.below(1'000'000'000)) - 499'999'999});
    clock.set_drift(Instant(Duration(random.below(1'000'000))),
                    static_cast<int64_t>(random.below(1'000'000)) - 500'000);
    const Instant local(Duration(2'000'000'000 + random.below(100'000'000'000)));
    const Instant wake = clock.world_time(local);
    ASSERT_GE(clock.monotonic(wake), local);
    ASSERT_LT(clock.monotonic(wake - 2ns), local);
  }
}

TEST(SimWorld, KillAllTakesOneZone) {
  SimWorld world(1, {});
  for (int i = 0; i < 6; ++i) {
    NodeOptions options;
    options.zone = fmt::format("zone-{}", i % 3);
    world.add_node(fmt::format("n{}", i), options).start();
  }
  EXPECT_EQ(world.kill_all("zone-1", CrashKind::power_loss), 2u);
  EXPECT_TRUE(world.nodes()[0]->running());
  EXPECT_FALSE(world.nodes()[1]->running());
  EXPECT_TRUE(world.nodes()[4]->powered_off());
  EXPECT_EQ(world.kill_all("", CrashKind::process_kill), 4u);
  EXPECT_EQ(world.faults().count(FaultClass::kill_all), 2u);
  EXPECT_EQ(world.faults().count(FaultClass::crash), 0u);
}

TEST(SimWorld, ClassesThatAreOffDoNothing) {
  WorldConfig config;
  config.fault_classes = FaultClassSet::none();
  SimWorld world(1, config);
  SimNode& node = world.add_node("a");
  node.start();
  EXPECT_FALSE(node.crash(CrashKind::power_loss));
  EXPECT_EQ(world.kill_all("", CrashKind::power_loss), 0u);
  EXPECT_TRUE(node.running());
  node.stop();
  EXPECT_FALSE(node.running());
}

TEST(SimWorld, BuggifyPointsAndPlantedBugsComeFromTheConfiguration) {
  int active_worlds = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    WorldConfig config;
    config.buggify_point_ppm = 500'000;
    config.buggify_fire_ppm = 100'000;
    config.planted = {"forget"};
    SimWorld world(seed, config);
    SimNode& a = world.add_node("a");
    SimNode& b = world.add_node("b");
    a.start();
    b.start();
    int fired_a = 0;
    int fired_b = 0;
    for (int i = 0; i < 1'000; ++i) {
      fired_a += a.env().buggify("point") ? 1 : 0;
      fired_b += b.env().buggify("point") ? 1 : 0;
    }
    EXPECT_EQ(fired_a > 0, fired_b > 0);
    EXPECT_LT(fired_a, 200);
    active_worlds += fired_a > 0 ? 1 : 0;
    EXPECT_TRUE(a.env().planted("forget"));
    EXPECT_FALSE(a.env().planted("other"));
  }
  EXPECT_GT(active_worlds, 5);
  EXPECT_LT(active_worlds, 35);
}

TEST(SimWorld, LogLinesReachTheSinkAndNotTheTrace) {
  std::vector<std::string> lines;
  WorldConfig config;
  config.log_sink = [&lines](const LogLine& line) {
    lines.push_back(fmt::format("{} {} {}", line.node, line.component, line.text));
  };
  SimWorld loud(1, config);
  SimWorld quiet(1, {});
  for (SimWorld* world : {&loud, &quiet}) {
    SimNode& node = world->add_node("a");
    node.start();
    node.env().log().info("test", "{} lines", 1);
    node.env().log().debug("test", "below the level");
  }
  EXPECT_THAT(lines, testing::ElementsAre("a test 1 lines"));
  EXPECT_EQ(loud.trace_hash(), quiet.trace_hash());
}

}  // namespace
}  // namespace vectron::sim
