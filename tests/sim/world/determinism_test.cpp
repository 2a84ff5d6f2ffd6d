// The same seed gives the same trace hash: twice in a process, and in another process with other
// addresses.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

#include "tests/sim/world/busy_service.h"

namespace vectron::sim {
namespace {

/// A run with faults of all kinds that the service lives with.
std::string hash_of_a_rough_day(uint64_t seed) {
  BusyCluster cluster(seed, rough_config(), 4);
  SimWorld& world = cluster.world;
  RandomStream random(seed, "day");
  for (int round = 0; round < 12; ++round) {
    world.run_for(Duration(random.below(200'000'000)));
    SimNode& a = *world.nodes()[random.below(4)];
    SimNode& b = *world.nodes()[random.below(4)];
    const Instant until = world.now() + 100ms;
    world.network().partition(a, b, Direction::forward, until);
    world.network().refuse_connects(b, a, until);
    if (round % 2 == 0) world.network().half_open(a, b);
    if (round % 4 == 1) a.cut_power_at_kv_call(1 + random.below(9));
    if (round % 4 == 2) world.kill_all("zone-0", CrashKind::power_loss);
    if (round % 4 == 3) b.crash(CrashKind::process_kill);
    if (round % 3 == 1) b.pause(30ms);
    if (round % 3 == 2) b.disk().trouble().stall(world.now() + 20ms);
    world.run_for(50ms);
    for (const auto& node : world.nodes()) {
      if (!node->running()) cluster.start(node.get());
    }
  }
  world.run_for(500ms);
  for (const auto& node : world.nodes()) {
    const auto store = node->disk().content("data/kv/data.mdb");
    if (store.has_value()) world.trace(*store);
  }
  return fmt::format("{:016x}{:016x}", world.trace_hash().high(), world.trace_hash().low());
}

constexpr uint64_t kSeed = 4711;

std::string hash_from_another_process() {
  char self[4096] = {};
  if (::readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) return "no /proc";
  const std::string command =
      fmt::format("'{}' --gtest_filter=Determinism.PrintsTheHashOfARoughDay", self);
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return "no pipe";
  std::string hash = "no hash";
  char line[256];
  while (std::fgets(line, sizeof(line), pipe) != nullptr) {
    const std::string_view text(line);
    if (text.starts_with("rough day: ")) hash = text.substr(11, 32);
  }
  ::pclose(pipe);
  return hash;
}

TEST(Determinism, PrintsTheHashOfARoughDay) {
  const std::string hash = hash_of_a_rough_day(kSeed);
  fmt::print("rough day: {}\n", hash);
  std::fflush(stdout);
  EXPECT_EQ(hash.size(), 32u);
}

TEST(Determinism, TheSameSeedGivesTheSameHashTwiceInOneProcess) {
  for (const uint64_t seed : {kSeed, kSeed + 1, kSeed + 2}) {
    EXPECT_EQ(hash_of_a_rough_day(seed), hash_of_a_rough_day(seed));
  }
}

TEST(Determinism, TheSameSeedGivesTheSameHashInAnotherProcess) {
  EXPECT_EQ(hash_from_another_process(), hash_of_a_rough_day(kSeed));
}

TEST(Determinism, AnotherSeedGivesAnotherHash) {
  EXPECT_NE(hash_of_a_rough_day(kSeed), hash_of_a_rough_day(kSeed + 1));
}

TEST(Determinism, AllFaultsOfNetworkAndPowerFireInARoughDay) {
  BusyCluster cluster(kSeed, rough_config(), 4);
  SimWorld& world = cluster.world;
  for (int round = 0; round < 30; ++round) {
    world.run_for(100ms);
    world.network().partition(*world.nodes()[0], *world.nodes()[1], Direction::both,
                              world.now() + 50ms);
    world.nodes()[2]->crash(CrashKind::power_loss);
    world.kill_all("zone-1", CrashKind::power_loss);
    world.run_for(100ms);
    for (const auto& node : world.nodes()) {
      if (!node->running()) cluster.start(node.get());
    }
  }
  // Those of one machine's disk, clock and process have tests of their own; messages and knobs
  // belong to those who play a plan.
  using enum FaultClass;
  for (const FaultClass fault_class : {delay, reset, short_io, half_open, stall, partition, connect,
                                       lost_unsynced, torn_write, crash, kill_all}) {
    EXPECT_GT(world.faults().count(fault_class), 0u) << fault_class_name(fault_class);
  }
}

}  // namespace
}  // namespace vectron::sim
