// Crashes at any moment: nothing leaks, nothing synced is lost, and what was not synced is lost in
// some seeds.
#include <gmock/gmock.h>

#include "tests/sim/world/busy_service.h"
#include "tests/sim/world/run_task.h"

namespace vectron::sim {
namespace {

using testing::IsEmpty;

TEST(Crash, ABusyNodeMayDieAtAnyAwaitPoint) {
  for (const CrashKind kind : {CrashKind::process_kill, CrashKind::power_loss}) {
    for (uint64_t events = 1; events < 400; ++events) {
      BusyCluster cluster(events, rough_config(), 2);
      cluster.world.run_until([&] { return cluster.ledgers[0]->opened; }, kNever);
      for (uint64_t i = 0; i < events * 3; ++i) cluster.world.step();
      SimNode& victim = *cluster.world.nodes()[0];
      ASSERT_TRUE(victim.crash(kind));
      cluster.world.run_for(20ms);
      cluster.start(&victim);
      cluster.world.run_for(50ms);
      ASSERT_THAT(cluster.ledgers[0]->violations, IsEmpty()) << events;
      ASSERT_TRUE(victim.running()) << events;
    }
  }
}

TEST(Crash, SyncedBytesAndCommitsSurviveManyCrashes) {
  uint64_t lost = 0;
  uint64_t torn = 0;
  for (uint64_t seed = 0; seed < 10; ++seed) {
    BusyCluster cluster(seed, rough_config(), 3);
    RandomStream random(seed, "test");
    cluster.world.run_for(100ms);
    for (int round = 0; round < 30; ++round) {
      cluster.world.run_for(Duration(random.below(100'000'000)));
      SimNode& victim = *cluster.world.nodes()[random.below(3)];
      if (random.below(3) == 0) {
        victim.cut_power_at_kv_call(1 + random.below(10));
        cluster.world.run_for(50ms);
        EXPECT_FALSE(victim.running());
      } else {
        victim.crash(random.below(2) == 0 ? CrashKind::process_kill : CrashKind::power_loss);
      }
      cluster.world.run_for(Duration(random.below(20'000'000)));
      cluster.start(&victim);
    }
    cluster.world.run_for(2s);
    for (const auto& ledger : cluster.ledgers) {
      ASSERT_THAT(ledger->violations, IsEmpty()) << seed;
      EXPECT_GT(ledger->log_synced, 100u);
      EXPECT_GT(ledger->kv_committed, 100u);
      EXPECT_GT(ledger->answers, 20u);
    }
    EXPECT_EQ(cluster.world.faults().count(FaultClass::crash), 30u);
    lost += cluster.world.faults().count(FaultClass::lost_unsynced);
    torn += cluster.world.faults().count(FaultClass::torn_write);
  }
  EXPECT_GT(lost, 10u);
  EXPECT_GT(torn, 3u);
}

Task<Result<void>> write_unsynced(Env* env) {
  auto file = co_await env->disk().open("f", OpenMode::create);
  VECTRON_CO_CHECK_OK(file);
  const Bytes old_bytes(3 * kPageBytes, 1);
  Result<void> done = co_await (*file)->write_at(0, old_bytes);
  VECTRON_CO_CHECK_OK(done);
  done = co_await (*file)->sync();
  VECTRON_CO_CHECK_OK(done);
  done = co_await env->disk().sync_directory("");
  VECTRON_CO_CHECK_OK(done);
  const Bytes new_bytes(3 * kPageBytes, 2);
  done = co_await (*file)->write_at(0, new_bytes);
  co_return done;
}

struct Outcome {
  /// A whole page holds the old bytes.
  bool lost = false;
  bool torn = false;
  bool operator==(const Outcome&) const = default;
};

Outcome outcome_of(uint64_t seed, WorldConfig config, CrashKind kind) {
  SimWorld world(seed, std::move(config));
  SimNode& node = world.add_node("a");
  node.start();
  value(run(node, write_unsynced(&node.env())));
  EXPECT_TRUE(node.crash(kind));
  const Bytes left = value(node.disk().content("f"));
  EXPECT_EQ(left.size(), 3 * kPageBytes);
  Outcome outcome;
  for (size_t page = 0; page < 3; ++page) {
    const auto begin = left.begin() + static_cast<ptrdiff_t>(page * kPageBytes);
    const auto old_bytes = std::count(begin, begin + kPageBytes, 1);
    outcome.lost |= old_bytes == kPageBytes;
    outcome.torn |= old_bytes > 0 && old_bytes < static_cast<ptrdiff_t>(kPageBytes);
  }
  EXPECT_EQ(world.faults().count(FaultClass::lost_unsynced) > 0, outcome.lost);
  EXPECT_EQ(world.faults().count(FaultClass::torn_write) > 0, outcome.torn);
  return outcome;
}

TEST(Crash, LostAndTornWritesCanBeSwitchedOffAlone) {
  int lost = 0;
  int torn = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    WorldConfig no_lost;
    no_lost.fault_classes.remove(FaultClass::lost_unsynced);
    WorldConfig no_torn;
    no_torn.fault_classes.remove(FaultClass::torn_write);
    const Outcome both = outcome_of(seed, {}, CrashKind::power_loss);
    lost += both.lost ? 1 : 0;
    torn += both.torn ? 1 : 0;
    EXPECT_FALSE(outcome_of(seed, no_lost, CrashKind::power_loss).lost);
    EXPECT_FALSE(outcome_of(seed, no_torn, CrashKind::power_loss).torn);
    EXPECT_EQ(outcome_of(seed, {}, CrashKind::process_kill), Outcome());
  }
  EXPECT_GT(lost, 20);
  EXPECT_GT(torn, 20);
}

Task<Result<void>> replace_file(Env* env, bool sync_names) {
  for (const char* name : {"target", "fresh"}) {
    auto file = co_await env->disk().open(name, OpenMode::create);
    VECTRON_CO_CHECK_OK(file);
    const ByteView bytes = as_bytes(name);
    Result<void> done = co_await (*file)->write_at(0, bytes);
    VECTRON_CO_CHECK_OK(done);
    done = co_await (*file)->sync();
    VECTRON_CO_CHECK_OK(done);
    if (name == std::string_view("fresh")) continue;
    done = co_await env->disk().sync_directory("");
    VECTRON_CO_CHECK_OK(done);
  }
  Result<void> done = co_await env->disk().rename("fresh", "target");
  VECTRON_CO_CHECK_OK(done);
  if (sync_names) done = co_await env->disk().sync_directory("");
  co_return done;
}

TEST(Crash, ARenameIsAtomicAndDurableOnlyAfterTheFolderIsSynced) {
  int undone = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (const bool sync_names : {false, true}) {
      SimWorld world(seed, {});
      SimNode& node = world.add_node("a");
      node.start();
      value(run(node, replace_file(&node.env(), sync_names)));
      node.crash(CrashKind::power_loss);
      const Bytes target = value(node.disk().content("target"));
      const bool replaced = as_text(target) == "fresh";
      ASSERT_TRUE(replaced || as_text(target) == "target");
      if (sync_names) {
        ASSERT_TRUE(replaced);
      }
      if (replaced) {
        ASSERT_FALSE(value(node.disk().exists("fresh")));
      }
      undone += replaced ? 0 : 1;
    }
  }
  EXPECT_GT(undone, 20);
}

TEST(Crash, FoldersAndRemovalsAreDurableOnlyAfterTheirFolderIsSynced) {
  int folder_lost = 0;
  int removal_undone = 0;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    SimWorld world(seed, {});
    SimNode& node = world.add_node("a");
    node.start();
    Disk& disk = node.env().disk();
    value(run(node, write_unsynced(&node.env())));
    value(run(node, disk.create_directory("d/e")));
    value(run(node, disk.remove("f")));
    node.crash(CrashKind::power_loss);
    folder_lost += value(node.disk().exists("d")) ? 0 : 1;
    removal_undone += value(node.disk().exists("f")) ? 1 : 0;
  }
  EXPECT_GT(folder_lost, 20);
  EXPECT_GT(removal_undone, 20);
}

TEST(Crash, ALostDiskIsEmpty) {
  BusyCluster cluster(1, {}, 2);
  cluster.world.run_for(100ms);
  SimNode& node = *cluster.world.nodes()[0];
  node.crash(CrashKind::power_loss);
  node.lose_disk();
  EXPECT_THAT(value(node.disk().list("")), IsEmpty());
  *cluster.ledgers[0] = {};
  cluster.start(&node);
  cluster.world.run_for(100ms);
  EXPECT_GT(cluster.ledgers[0]->kv_committed, 10u);
  EXPECT_THAT(cluster.ledgers[0]->violations, IsEmpty());
}

}  // namespace
}  // namespace vectron::sim
