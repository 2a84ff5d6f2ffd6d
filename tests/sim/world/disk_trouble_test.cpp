// What a disk does besides losing power: errors, failed syncs, no space, slowness, rot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "core/kv/kv_store.h"
#include "sim/interpose/stored_values.h"
#include "tests/core/kv/scrub_all.h"
#include "tests/sim/world/run_task.h"

namespace vectron::sim {
namespace {

Task<Result<void>> write_file(Env* env, std::string path, uint64_t offset, Bytes bytes, bool sync) {
  auto opened = co_await env->disk().open(path, OpenMode::create);
  VECTRON_CO_TRY(const std::unique_ptr<File> file, opened);
  const auto written = co_await file->write_at(offset, bytes);
  VECTRON_CO_CHECK_OK(written);
  if (!sync) co_return Result<void>();
  const auto synced = co_await file->sync();
  VECTRON_CO_CHECK_OK(synced);
  const auto named = co_await env->disk().sync_directory("");
  co_return named;
}

Task<Result<Bytes>> read_file(Env* env, std::string path) {
  auto opened = co_await env->disk().open(path, OpenMode::read);
  VECTRON_CO_TRY(const std::unique_ptr<File> file, opened);
  const auto size = file->size();
  VECTRON_CO_CHECK_OK(size);
  Bytes bytes(*size);
  const auto read = co_await file->read_at(0, bytes);
  VECTRON_CO_CHECK_OK(read);
  co_return bytes;
}

Task<Instant> time_of_sync(Env* env) {
  const auto written = co_await write_file(env, "timed", 0, Bytes(10, 7), true);
  EXPECT_TRUE(written.has_value());
  co_return env->scheduler().now();
}

class DiskTroubleTest : public ::testing::Test {
 protected:
  DiskTroubleTest() : world_(1, {}), node_(world_.add_node("a")) { node_.start(); }
  Env* env() { return &node_.env(); }
  DiskTrouble& trouble() { return node_.disk().trouble(); }
  Result<void> write(std::string path, uint64_t offset, Bytes bytes, bool sync = true) {
    return run(node_, write_file(env(), std::move(path), offset, std::move(bytes), sync));
  }
  Result<Bytes> read(std::string path) { return run(node_, read_file(env(), std::move(path))); }
  void lose_power() {
    EXPECT_TRUE(node_.crash(CrashKind::power_loss));
    world_.run_for(1ms);
    node_.start();
  }
  uint64_t fired(FaultClass fault_class) const { return world_.faults().count(fault_class); }

  SimWorld world_;
  SimNode& node_;
};

TEST_F(DiskTroubleTest, FailsAsManyReadsAndWritesAsWereArmed) {
  ASSERT_TRUE(write("f", 0, Bytes(100, 1)).has_value());
  trouble().fail_reads(1);
  EXPECT_EQ(read("f").error().code(), Code::data_loss);
  EXPECT_EQ(read("f")->size(), 100u);
  trouble().fail_writes(1);
  EXPECT_EQ(write("f", 0, Bytes(100, 2)).error().code(), Code::data_loss);
  EXPECT_TRUE(write("f", 0, Bytes(100, 3)).has_value());
  EXPECT_EQ(fired(FaultClass::io_error), 2u);
  EXPECT_EQ(trouble().errors_given(), 2u);
  EXPECT_EQ(trouble().io_errors_given(), 2u);
  EXPECT_EQ(trouble().syncs_failed(), 0u);
}

TEST_F(DiskTroubleTest, CallsPagesCleanAfterAFailedSyncAndLosesThemWithThePower) {
  ASSERT_TRUE(write("f", 0, Bytes(5'000, 1)).has_value());
  trouble().fail_syncs(1);
  EXPECT_FALSE(write("f", 0, Bytes(5'000, 2)).has_value());
  // A second sync succeeds without having written anything; a reader sees the new bytes.
  EXPECT_TRUE(write("f", 4'999, Bytes(0)).has_value());
  EXPECT_EQ(*read("f"), Bytes(5'000, 2));
  lose_power();
  EXPECT_EQ(*read("f"), Bytes(5'000, 1));
  EXPECT_EQ(fired(FaultClass::sync_failure), 1u);
  EXPECT_EQ(trouble().syncs_failed(), 1u);
}

TEST_F(DiskTroubleTest, KeepsWhatIsWrittenAndSyncedAgainAfterAFailedSync) {
  ASSERT_TRUE(write("f", 0, Bytes(9'000, 1)).has_value());
  trouble().fail_syncs(1);
  EXPECT_FALSE(write("f", 0, Bytes(9'000, 2)).has_value());
  EXPECT_TRUE(write("f", 0, Bytes(1, 2)).has_value());  // Its page is dirty again, as a whole.
  lose_power();
  const Bytes left = *read("f");
  ASSERT_EQ(left.size(), 9'000u);
  EXPECT_EQ(left[0], 2);
  EXPECT_EQ(left[4'095], 2);
  EXPECT_EQ(left[4'096], 1);
  EXPECT_EQ(left[8'999], 1);
}

TEST_F(DiskTroubleTest, LosesTheEndThatAFailedSyncShouldHaveWritten) {
  ASSERT_TRUE(write("f", 0, Bytes(100, 1)).has_value());
  trouble().fail_syncs(1);
  EXPECT_FALSE(write("f", 100, Bytes(10'000, 2)).has_value());
  lose_power();
  EXPECT_EQ(*read("f"), Bytes(100, 1));
}

TEST_F(DiskTroubleTest, RefusesWhatNeedsSpaceUntilThereIsSome) {
  ASSERT_TRUE(write("f", 0, Bytes(100, 1)).has_value());
  trouble().fill_up(world_.now() + 1s);
  EXPECT_EQ(write("g", 0, Bytes(1, 1)).error().code(), Code::resource_exhausted);
  EXPECT_EQ(write("f", 50, Bytes(100, 2)).error().code(), Code::resource_exhausted);
  EXPECT_TRUE(write("f", 0, Bytes(100, 3)).has_value());
  world_.run_for(1s);
  EXPECT_TRUE(write("g", 0, Bytes(1, 1)).has_value());
  EXPECT_EQ(fired(FaultClass::disk_full), 2u);
}

TEST_F(DiskTroubleTest, TellsASyncThatThereIsNoSpaceWhereBlocksComeLate) {
  ASSERT_TRUE(write("f", 0, Bytes(100, 1)).has_value());
  trouble().fill_up_late(world_.now() + 1s);
  EXPECT_TRUE(write("f", 0, Bytes(100, 3)).has_value());  // Its blocks are there.
  EXPECT_EQ(write("f", 50, Bytes(10'000, 2)).error().code(), Code::resource_exhausted);
  EXPECT_EQ(fired(FaultClass::disk_full), 1u);
  EXPECT_EQ(read("f")->size(), 10'050u);  // It was taken, and looks well.
  world_.run_for(1s);
  EXPECT_TRUE(write("g", 0, Bytes(1, 1)).has_value());
  lose_power();
  EXPECT_EQ(*read("f"), Bytes(100, 3));
}

TEST_F(DiskTroubleTest, TakesLongerAndStalls) {
  const Instant begin = world_.now();
  const Duration usual = run(node_, time_of_sync(env())) - begin;
  EXPECT_EQ(fired(FaultClass::slow_disk), 0u);
  trouble().stall(world_.now() + 3s);
  const Instant stalled = world_.now();
  EXPECT_GE(run(node_, time_of_sync(env())) - stalled, 3s);
  trouble().slow_down(world_.now() + 100s, 1'000);
  const Instant slow = world_.now();
  EXPECT_GT(run(node_, time_of_sync(env())) - slow, usual * 10);
  EXPECT_GT(fired(FaultClass::slow_disk), 0u);
  trouble().heal();
  const Instant healed = world_.now();
  EXPECT_LT(run(node_, time_of_sync(env())) - healed, 100ms);
}

TEST_F(DiskTroubleTest, RotsBeforeTheLastWriteAndCountsWhenItIsRead) {
  RandomStream random(1, "rot");
  ASSERT_TRUE(write("1.wal", 0, Bytes(100, 1)).has_value());
  EXPECT_FALSE(node_.disk().rot(RotPlace::log, &random));  // Only a last write is there.
  ASSERT_TRUE(write("1.wal", 100, Bytes(100, 1)).has_value());
  EXPECT_TRUE(node_.disk().rot(RotPlace::log, &random));
  EXPECT_EQ(fired(FaultClass::bit_rot), 0u);
  const Bytes bytes = *read("1.wal");
  EXPECT_EQ(std::count(bytes.begin(), bytes.begin() + 100, 1), 99);
  EXPECT_EQ(std::count(bytes.begin() + 100, bytes.end(), 1), 100);
  EXPECT_EQ(fired(FaultClass::bit_rot), 1u);
  ASSERT_TRUE(write("1.wal", 0, Bytes(200, 1)).has_value());
  EXPECT_TRUE(read("1.wal").has_value());
  EXPECT_EQ(fired(FaultClass::bit_rot), 1u);  // Written over.
}

TEST_F(DiskTroubleTest, RotsACheckpointWhichIsNoReasonToEnd) {
  RandomStream random(1, "rot");
  const std::string folder = "replicas/7";
  ASSERT_TRUE(run(node_, env()->disk().create_directory(folder)).has_value());
  ASSERT_TRUE(write(folder + "/graph-3.checkpoint.new", 0, Bytes(100, 1)).has_value());
  EXPECT_FALSE(node_.disk().rot(RotPlace::checkpoint, &random));  // Nobody reads that one.
  ASSERT_TRUE(write(folder + "/graph-3.checkpoint", 0, Bytes(100, 1)).has_value());
  EXPECT_TRUE(node_.disk().rot(RotPlace::checkpoint, &random));
  EXPECT_FALSE(node_.disk().gave_rotten_checkpoint(folder));
  const Bytes bytes = *read(folder + "/graph-3.checkpoint");
  EXPECT_EQ(std::count(bytes.begin(), bytes.end(), 1), 99);
  EXPECT_TRUE(node_.disk().gave_rotten_checkpoint(folder));
  EXPECT_FALSE(node_.disk().gave_rotten_checkpoint("replicas/8"));
  EXPECT_EQ(fired(FaultClass::bit_rot), 1u);
  EXPECT_EQ(trouble().errors_given(), 0u);
  EXPECT_FALSE(node_.disk().ever_rotted());
}

KvConfig kv_config() {
  KvConfig config;
  config.map_bytes_max = 4 << 20;
  config.readers_max = 8;
  return config;
}

KvBatch batch_of(int version) {
  KvBatch batch;
  for (int i = 0; i < 50; ++i) {
    batch.put(as_bytes(fmt::format("key-{}", i)), Bytes(700, static_cast<uint8_t>(version)));
  }
  return batch;
}

class StoreTroubleTest : public DiskTroubleTest {
 protected:
  std::unique_ptr<KvStore> open() {
    return value(run(node_, KvStore::open(env(), "store", kv_config())));
  }
};

TEST_F(StoreTroubleTest, TakesCommitsAgainWhenThereIsSpace) {
  std::unique_ptr<KvStore> store = open();
  trouble().fill_up(world_.now() + 1s);
  EXPECT_EQ(run(node_, store->commit(batch_of(1))).error().code(), Code::resource_exhausted);
  world_.run_for(1s);
  EXPECT_TRUE(run(node_, store->commit(batch_of(2))).has_value());
  EXPECT_EQ(**store->get(as_bytes("key-7")), Bytes(700, 2));
}

TEST_F(StoreTroubleTest, AWriteThatEndsEarlyIsAFullDiskAndNoDamage) {
  std::unique_ptr<KvStore> store = open();
  ASSERT_TRUE(run(node_, store->commit(batch_of(1))).has_value());
  const uint64_t before = node_.disk().used_bytes();
  trouble().fill_up(world_.now() + 1s);
  KvBatch larger;
  for (int i = 0; i < 100; ++i) {
    larger.put(as_bytes(fmt::format("more-{}", i)), Bytes(700, 2));
  }
  const auto early = run(node_, store->commit(larger));
  EXPECT_EQ(status_of(early).code(), Code::resource_exhausted);
  EXPECT_THAT(status_of(early).message(), testing::HasSubstr("a write ended early"));
  EXPECT_GT(node_.disk().used_bytes(), before);  // It was written in part.
  const auto whole = run(node_, store->commit(larger));
  EXPECT_EQ(status_of(whole).code(), Code::resource_exhausted);
  EXPECT_EQ(**store->get(as_bytes("key-7")), Bytes(700, 1));
  world_.run_for(1s);
  EXPECT_TRUE(run(node_, store->commit(larger)).has_value());
  EXPECT_TRUE(run(node_, scrub_all(store.get())).has_value());
  store.reset();
  store = open();
  EXPECT_EQ(**store->get(as_bytes("more-99")), Bytes(700, 2));
}

TEST_F(StoreTroubleTest, ACommitWhoseSyncFindsNoSpaceDidNotHappen) {
  std::unique_ptr<KvStore> store = open();
  ASSERT_TRUE(run(node_, store->commit(batch_of(1))).has_value());
  KvBatch larger;
  for (int i = 0; i < 100; ++i) {
    larger.put(as_bytes(fmt::format("more-{}", i)), Bytes(700, 2));
  }
  trouble().fill_up_late(world_.now() + 1s);
  EXPECT_EQ(status_of(run(node_, store->commit(larger))).code(), Code::resource_exhausted);
  EXPECT_EQ(**store->get(as_bytes("key-7")), Bytes(700, 1));
  world_.run_for(1s);
  EXPECT_TRUE(run(node_, store->commit(larger)).has_value());
  store.reset();
  lose_power();
  store = open();
  EXPECT_EQ(**store->get(as_bytes("more-99")), Bytes(700, 2));
  EXPECT_TRUE(run(node_, scrub_all(store.get())).has_value());
}

// LMDB would make its lock file without blocks, and the first touch of its map would end the
// process.
TEST_F(StoreTroubleTest, ANewStoreOnAFullDiskIsRefusedBeforeItsLockFileIsMapped) {
  ASSERT_TRUE(run(node_, env()->disk().create_directory("store")).has_value());
  trouble().fill_up(world_.now() + 1s);
  const auto refused = run(node_, KvStore::open(env(), "store", kv_config()));
  EXPECT_EQ(status_of(refused).code(), Code::resource_exhausted);
  EXPECT_THAT(status_of(refused).message(), testing::HasSubstr("No space left on device"));
  world_.run_for(1s);
  EXPECT_TRUE(run(node_, open()->commit(batch_of(1))).has_value());
}

TEST_F(StoreTroubleTest, AStoreOpensAgainOnAFullDiskAsItsLockFileHasItsBlocks) {
  ASSERT_TRUE(run(node_, open()->commit(batch_of(1))).has_value());
  trouble().fill_up(world_.now() + 1s);
  EXPECT_EQ(**open()->get(as_bytes("key-7")), Bytes(700, 1));
  lose_power();
  EXPECT_EQ(**open()->get(as_bytes("key-7")), Bytes(700, 1));
  // More readers need a larger one.
  KvConfig config = kv_config();
  config.readers_max = 640;
  const auto refused = run(node_, KvStore::open(env(), "store", config));
  EXPECT_EQ(status_of(refused).code(), Code::resource_exhausted);
}

// Read through a map, the same sector would end the process.
TEST_F(StoreTroubleTest, ASectorThatCannotBeReadIsAnErrorOfTheStart) {
  ASSERT_TRUE(run(node_, open()->commit(batch_of(1))).has_value());
  node_.disk().power().set_trouble(
      [](FileCall call, bool) { return call == FileCall::read ? EIO : 0; });
  const auto refused = run(node_, KvStore::open(env(), "store", kv_config()));
  EXPECT_EQ(status_of(refused).code(), Code::data_loss);
  EXPECT_THAT(status_of(refused).message(), testing::HasSubstr("could not read its file"));
  EXPECT_THAT(status_of(refused).message(), testing::HasSubstr("Input/output error"));
}

TEST_F(StoreTroubleTest, AnIoErrorOfTheDeviceIsNoFullDisk) {
  std::unique_ptr<KvStore> store = open();
  trouble().fail_writes(1);
  const auto failed = run(node_, store->commit(batch_of(1)));
  EXPECT_EQ(status_of(failed).code(), Code::data_loss);
  EXPECT_THAT(status_of(failed).message(), testing::HasSubstr("Input/output error"));
}

TEST_F(StoreTroubleTest, OpensWhenThereAreDescriptorsAgain) {
  open().reset();
  trouble().run_out_of_descriptors(world_.now() + 1s);
  const auto none = run(node_, KvStore::open(env(), "store", kv_config()));
  EXPECT_EQ(status_of(none).code(), Code::resource_exhausted);
  world_.run_for(1s);
  EXPECT_NE(open(), nullptr);
  EXPECT_GT(fired(FaultClass::descriptors), 0u);
}

TEST_F(StoreTroubleTest, TakesNoCommitAfterAFailedSyncAndHoldsTheOldStateAtTheNextStart) {
  std::unique_ptr<KvStore> store = open();
  ASSERT_TRUE(run(node_, store->commit(batch_of(1))).has_value());
  trouble().fail_syncs(1);
  EXPECT_EQ(run(node_, store->commit(batch_of(2))).error().code(), Code::data_loss);
  EXPECT_EQ(run(node_, store->commit(batch_of(3))).error().code(), Code::data_loss);
  store.reset();
  store = open();
  EXPECT_EQ(**store->get(as_bytes("key-7")), Bytes(700, 1));
  ASSERT_TRUE(run(node_, store->commit(batch_of(4))).has_value());
  store.reset();
  lose_power();
  store = open();
  EXPECT_EQ(**store->get(as_bytes("key-7")), Bytes(700, 4));
  EXPECT_TRUE(run(node_, scrub_all(store.get())).has_value());
}

// Key or value, header or row: whoever asks for what rotted is told, and nobody gets a wrong
// answer.
TEST_F(StoreTroubleTest, ARottenPairIsNeverAnsweredAsAbsentOrWrong) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    std::unique_ptr<KvStore> store = open();
    ASSERT_TRUE(run(node_, store->commit(batch_of(1))).has_value());
    RandomStream random(seed, "rot");
    ASSERT_TRUE(node_.disk().rot(RotPlace::store, &random));
    EXPECT_TRUE(node_.disk().ever_rotted());
    size_t damaged = 0;
    for (int i = 0; i < 50; ++i) {
      const std::string key = fmt::format("key-{}", i);
      const auto hash = store->get_pair_hash(as_bytes(key));
      const auto found = store->get(as_bytes(key));
      damaged += found.has_value() && hash.has_value() ? 0 : 1;
      if (found.has_value()) {
        ASSERT_TRUE(found->has_value());
        EXPECT_EQ(**found, Bytes(700, 1));
      }
    }
    // One of the system space, or on a page that is free by now, shows in a check, if at all.
    const bool sound = run(node_, scrub_all(store.get())).has_value();
    EXPECT_EQ(damaged > 0 || !sound, store->damaged());
    store.reset();
    value(run(node_, node_.env().disk().remove_tree("store")));
  }
}

TEST_F(StoreTroubleTest, KnowsWhereThePairsLie) {
  {
    const std::unique_ptr<KvStore> store = open();
    ASSERT_TRUE(run(node_, store->commit(batch_of(9))).has_value());
  }
  const Bytes file = value(node_.disk().content("store/data.mdb"));
  size_t content = 0;
  size_t system = 0;
  for (const PairPlace& place : stored_pairs(file)) {
    (place.system ? system : content) += 1;
    EXPECT_EQ(place.value_offset, place.key_offset + place.key_bytes);
    if (place.system) continue;
    EXPECT_EQ(place.value_bytes, 708u);
    EXPECT_EQ(as_text(ByteView(file).subspan(place.key_offset + 1, 4)), "key-");
    EXPECT_EQ(file[place.value_offset], 9);
    EXPECT_EQ(file[place.value_offset + 699], 9);
  }
  EXPECT_GE(content, 50u);
  EXPECT_GE(system, 9u);
}

// While nobody uses the store; what comes back is refused, or is all there.
TEST_F(StoreTroubleTest, RottenPagesAreRefusedOrHarmless) {
  size_t refused = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    {
      const std::unique_ptr<KvStore> store = open();
      ASSERT_TRUE(run(node_, store->commit(batch_of(1))).has_value());
    }
    RandomStream random(seed, "rot");
    ASSERT_TRUE(node_.disk().rot(RotPlace::pages, &random));
    {
      const auto opened = run(node_, KvStore::open(env(), "store", kv_config()));
      if (opened.has_value()) {
        for (int i = 0; i < 50; ++i) {
          // LMDB may fall back to the commit before, which is that of an empty store.
          const auto found = (*opened)->get(as_bytes(fmt::format("key-{}", i)));
          ASSERT_TRUE(found.has_value());
          EXPECT_EQ(found->has_value(), (*opened)->item_count() == 50);
        }
      } else {
        EXPECT_EQ(opened.error().code(), Code::data_loss);
        ++refused;
      }
    }
    value(run(node_, node_.env().disk().remove_tree("store")));
  }
  EXPECT_GT(refused, 20u);
}

}  // namespace
}  // namespace vectron::sim
