#include "core/kv/kv_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "tests/core/kv/scrub_all.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

using Model = std::map<std::string, std::string>;

Bytes bytes_of(std::string_view text) {
  return to_bytes(as_bytes(text));
}

KvConfig small_config() {
  KvConfig config;
  config.map_bytes_max = 4 << 20;
  config.readers_max = 8;
  return config;
}

/// Work of a store's folder that a busy thread has not come to yet.
struct HeldWork {
  size_t runs_first = 0;       // So many are run at once.
  std::function<void()> kept;  // The next one.
  Event never;
};

class HoldingDirectory final : public BlockingDirectory {
 public:
  HoldingDirectory(std::string path, HeldWork* held) : path_(std::move(path)), held_(held) {}
  const std::string& path() const override { return path_; }
  Task<void> run(BlockingCost, std::function<void()> work) override {
    if (held_->runs_first > 0) {
      --held_->runs_first;
      work();
      co_return;
    }
    held_->kept = std::move(work);
    co_await held_->never.wait();
  }

 private:
  std::string path_;
  HeldWork* held_;
};

Task<void> open_and_drop(Env* env) {
  const auto opened = co_await KvStore::open(env, "shard/kv", small_config());
  (void)opened;
}

class KvStoreTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<KvStore>> try_open(KvConfig config = small_config()) {
    return env_.run(KvStore::open(&env_, "shard/kv", config));
  }
  void open(KvConfig config = small_config()) {
    store_.reset();
    auto opened = try_open(config);
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    store_ = *std::move(opened);
  }
  Result<void> commit(KvBatch batch) { return env_.run(store_->commit(std::move(batch))); }
  Result<void> put(std::string_view key, std::string_view value) {
    KvBatch batch;
    batch.put(as_bytes(key), bytes_of(value));
    return commit(std::move(batch));
  }
  std::optional<std::string> get(std::string_view key) {
    const auto value = store_->get(as_bytes(key));
    EXPECT_TRUE(value.has_value()) << value.error().to_string();
    if (!value.has_value() || !value->has_value()) return std::nullopt;
    return std::string(as_text(**value));
  }
  std::string data_file() const { return real_folder() + "/data.mdb"; }
  std::string real_folder() const {
    const auto directory = const_cast<MemoryEnv&>(env_).disk().open_blocking_directory("shard/kv");
    return (*directory)->path();
  }
  /// Flips a bit of the byte `offset` after each place of `needle` in LMDB's file: commits leave
  /// older pages behind. In place, so that an open store sees it as it sees rot.
  void flip_bit_at(std::string_view needle, size_t offset) {
    std::fstream file(data_file(), std::ios::binary | std::ios::in | std::ios::out);
    std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    size_t found = 0;
    for (size_t at = content.find(needle); at != std::string::npos;
         at = content.find(needle, at + 1)) {
      file.seekp(static_cast<long>(at + offset));
      file.put(static_cast<char>(content[at + offset] ^ 1));
      ++found;
    }
    ASSERT_GT(found, 0u);
  }
  /// The code of the first scrub that fails within a pass; ok at its end.
  Code scrub(size_t bytes_max = 1000) {
    while (true) {
      const auto more = env_.run(store_->scrub_some(bytes_max));
      if (!more.has_value()) return more.error().code();
      if (!*more) return Code::ok;
    }
  }

  MemoryEnv env_;
  std::unique_ptr<KvStore> store_;
};

Model content_of(KvStore* store) {
  Model model;
  const auto end = store->scan({}, [&](ByteView key, ByteView value) {
    model.emplace(as_text(key), as_text(value));
    return true;
  });
  EXPECT_TRUE(end.has_value() && !end->has_value());
  return model;
}

Result<std::optional<std::string>> value_in(KvReader* reader, std::string_view key) {
  std::optional<std::string> value;
  const auto end = reader->scan({bytes_of(key), std::nullopt, 1}, [&](ByteView k, ByteView v) {
    if (as_text(k) == key) value = std::string(as_text(v));
    return true;
  });
  if (!end.has_value()) return fail(end.error());
  return value;
}

uint64_t digest_of(const Model& model) {
  uint64_t sum = 0;
  for (const auto& [key, value] : model) sum += kv_pair_hash(as_bytes(key), as_bytes(value));
  return sum;
}

TEST_F(KvStoreTest, ItsLockFileHasAllItsBlocksAlsoWhenItGrows) {
  for (const uint32_t readers_max : {8, 640}) {
    KvConfig config = small_config();
    config.readers_max = readers_max;
    open(config);
    ASSERT_TRUE(put("a", "b").has_value());
    struct stat status{};
    ASSERT_EQ(::stat((real_folder() + "/lock.mdb").c_str(), &status), 0);
    EXPECT_GE(static_cast<uint64_t>(status.st_size), readers_max * uint64_t{64});
    EXPECT_GE(status.st_blocks * 512, status.st_size) << readers_max;
  }
}

TEST_F(KvStoreTest, ItsMapGrowsUnderAReaderThatKeepsItsView) {
  KvConfig config = small_config();
  config.map_bytes_max = 8 << 20;
  config.map_bytes_start = 256 << 10;
  open(config);
  ASSERT_TRUE(put("a", std::string(1'000, 'x')).has_value());
  auto reader = store_->open_reader();
  ASSERT_TRUE(reader.has_value());
  for (int i = 0; i < 40; ++i) {
    const auto stored = put(fmt::format("k{}", i), std::string(50'000, 'y'));
    ASSERT_TRUE(stored.has_value()) << i << ": " << stored.error().to_string();
  }
  EXPECT_GT(store_->used_bytes(), 1u << 20);
  EXPECT_EQ((*reader)->item_count(), 1u);
  EXPECT_EQ(*value_in(reader->get(), "a"), std::string(1'000, 'x'));
  EXPECT_EQ(*value_in(reader->get(), "k0"), std::nullopt);
  EXPECT_EQ(get("k39"), std::string(50'000, 'y'));
  EXPECT_TRUE(env_.run(scrub_all(store_.get())).has_value());
  reader->reset();
  // It ends at its bound, and what is there stays.
  Result<void> stored;
  for (int i = 0; i < 400 && stored.has_value(); ++i) {
    stored = put(fmt::format("m{}", i), std::string(50'000, 'z'));
  }
  EXPECT_EQ(status_of(stored).code(), Code::resource_exhausted);
  EXPECT_EQ(get("k39"), std::string(50'000, 'y'));
  // A file that is larger than the map at the start gets the map that it needs.
  open(config);
  EXPECT_EQ(get("k39"), std::string(50'000, 'y'));
}

TEST_F(KvStoreTest, ItsFilesAreForTheirUserAlone) {
  const mode_t usual = ::umask(0);
  open();
  ::umask(usual);
  const std::string folder = real_folder();
  for (const char* name : {"/data.mdb", "/lock.mdb"}) {
    struct stat status{};
    ASSERT_EQ(::stat((folder + name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 07777, 0600u) << name;
  }
}

TEST_F(KvStoreTest, KeepsWhatWasCommittedOverReopening) {
  open();
  ASSERT_TRUE(put("a", "one").has_value());
  ASSERT_TRUE(put("b", "").has_value());
  KvBatch batch;
  batch.erase(as_bytes("a"));
  batch.put(as_bytes("c"), bytes_of("three"));
  batch.put_record("applied", bytes_of("7"));
  ASSERT_TRUE(commit(std::move(batch)).has_value());
  const uint64_t digest = store_->digest();
  open();
  EXPECT_EQ(get("a"), std::nullopt);
  EXPECT_EQ(get("b"), "");
  EXPECT_EQ(get("c"), "three");
  EXPECT_EQ(store_->item_count(), 2u);
  EXPECT_EQ(store_->digest(), digest);
  EXPECT_EQ(as_text(**store_->get_record("applied")), "7");
  EXPECT_EQ(content_of(store_.get()), (Model{{"b", ""}, {"c", "three"}}));
}

TEST_F(KvStoreTest, LaterOperationsOfABatchWin) {
  open();
  KvBatch batch;
  batch.put(as_bytes("k"), bytes_of("1"));
  batch.erase(as_bytes("k"));
  batch.put(as_bytes("k"), bytes_of("3"));
  batch.put(as_bytes("gone"), bytes_of("1"));
  batch.erase(as_bytes("gone"));
  ASSERT_TRUE(commit(std::move(batch)).has_value());
  EXPECT_EQ(get("k"), "3");
  EXPECT_EQ(get("gone"), std::nullopt);
  EXPECT_EQ(store_->item_count(), 1u);
  EXPECT_TRUE(env_.run(scrub_all(store_.get())).has_value());
}

TEST_F(KvStoreTest, RecordsAreNotPartOfContentAndDigest) {
  open();
  ASSERT_TRUE(put("a", "1").has_value());
  const uint64_t digest = store_->digest();
  KvBatch batch;
  batch.put_record("name", bytes_of("x"));
  ASSERT_TRUE(commit(std::move(batch)).has_value());
  EXPECT_EQ(store_->digest(), digest);
  EXPECT_EQ(content_of(store_.get()).size(), 1u);
  EXPECT_EQ(get("name"), std::nullopt);
}

TEST_F(KvStoreTest, ScansInOrderAndResumesWhereALimitStopped) {
  open();
  KvBatch batch;
  for (int i = 0; i < 100; ++i) batch.put(as_bytes(fmt::format("k{:03}", i)), bytes_of("v"));
  ASSERT_TRUE(commit(std::move(batch)).has_value());
  KvScanRange range{bytes_of("k010"), bytes_of("k090"), 7};
  std::vector<std::string> keys;
  int calls = 0;
  while (true) {
    ++calls;
    const auto end = store_->scan(range, [&](ByteView key, ByteView) {
      keys.emplace_back(as_text(key));
      return true;
    });
    ASSERT_TRUE(end.has_value());
    if (!end->has_value()) break;
    range.from = **end;
  }
  ASSERT_EQ(keys.size(), 80u);
  EXPECT_EQ(keys.front(), "k010");
  EXPECT_EQ(keys.back(), "k089");
  EXPECT_EQ(calls, 12);
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST_F(KvStoreTest, ByteLimitOfAScanStillGivesOneItem) {
  open();
  ASSERT_TRUE(put("a", std::string(1000, 'x')).has_value());
  ASSERT_TRUE(put("b", "y").has_value());
  int items = 0;
  const auto end = store_->scan({{}, std::nullopt, SIZE_MAX, 1}, [&](ByteView, ByteView) {
    ++items;
    return true;
  });
  EXPECT_EQ(items, 1);
  EXPECT_EQ(as_text(**end), "b");
}

TEST_F(KvStoreTest, AReaderSeesItsCommitWhateverFollows) {
  open();
  ASSERT_TRUE(put("a", "old").has_value());
  auto reader = store_->open_reader();
  ASSERT_TRUE(reader.has_value());
  const uint64_t digest = store_->digest();
  ASSERT_TRUE(put("a", "new").has_value());
  ASSERT_TRUE(put("b", "new").has_value());
  EXPECT_EQ(*value_in(reader->get(), "a"), "old");
  EXPECT_EQ((*reader)->digest(), digest);
  EXPECT_EQ((*reader)->item_count(), 1u);
  EXPECT_EQ(get("a"), "new");
}

TEST_F(KvStoreTest, AReaderEndsWithItsAge) {
  KvConfig config = small_config();
  config.reader_age_max = 1s;
  open(config);
  ASSERT_TRUE(put("a", "1").has_value());
  auto reader = store_->open_reader();
  env_.run_for(2s);
  EXPECT_EQ(value_in(reader->get(), "a").error().code(), Code::aborted);
}

TEST_F(KvStoreTest, AReaderEndsWithThePagesItPins) {
  KvConfig config = small_config();
  config.reader_pinned_bytes_max = 100'000;
  open(config);
  ASSERT_TRUE(put("a", "1").has_value());
  auto reader = store_->open_reader();
  // Many times the map's size: without the limit the pinned pages would fill it.
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(put("a", std::string(100'000, 'x')).has_value());
  EXPECT_EQ(value_in(reader->get(), "a").error().code(), Code::aborted);
  EXPECT_LT(store_->used_bytes(), config.map_bytes_max);
}

TEST_F(KvStoreTest, RefusesReadersAboveTheLimit) {
  open();
  std::vector<std::unique_ptr<KvReader>> readers;
  while (true) {
    auto reader = store_->open_reader();
    if (!reader.has_value()) {
      EXPECT_EQ(reader.error().code(), Code::resource_exhausted);
      break;
    }
    readers.push_back(*std::move(reader));
  }
  EXPECT_EQ(readers.size(), 6u);
  EXPECT_TRUE(env_.run(scrub_all(store_.get())).has_value());
  readers.pop_back();
  EXPECT_TRUE(store_->open_reader().has_value());
}

TEST_F(KvStoreTest, AFullMapIsAnErrorThatLeavesTheStoreUsable) {
  KvConfig config = small_config();
  config.map_bytes_max = 1 << 20;
  open(config);
  Result<void> result;
  int stored = 0;
  for (; result.has_value(); ++stored)
    result = put(fmt::format("k{}", stored), std::string(5000, 'x'));
  EXPECT_EQ(result.error().code(), Code::resource_exhausted);
  EXPECT_THAT(result.error().message(), ::testing::HasSubstr("map_bytes_max"));
  EXPECT_GT(stored, 50);
  EXPECT_EQ(get("k0"), std::string(5000, 'x'));
  EXPECT_EQ(get(fmt::format("k{}", stored - 1)), std::nullopt);
  EXPECT_TRUE(env_.run(scrub_all(store_.get())).has_value());
  config.map_bytes_max = 8 << 20;
  open(config);
  EXPECT_TRUE(put("more", std::string(100'000, 'x')).has_value());
}

TEST_F(KvStoreTest, AMapThatGrowsDoesNotPassItsBound) {
  KvConfig config = small_config();
  config.map_bytes_start = 1 << 20;
  config.map_bytes_max = 1'536 << 10;  // Not twice what it was before.
  open(config);
  Result<void> result;
  for (int stored = 0; result.has_value() && stored < 1'000; ++stored) {
    result = put(fmt::format("k{}", stored), std::string(2000, 'x'));
  }
  EXPECT_EQ(status_of(result).code(), Code::resource_exhausted);
  EXPECT_GT(store_->used_bytes(), 1u << 20);
  EXPECT_LE(store_->used_bytes(), config.map_bytes_max);
}

TEST_F(KvStoreTest, FilesThatEverybodyMayReadAreRestrictedAtTheNextStart) {
  namespace fs = std::filesystem;
  open();
  const fs::path folder = real_folder();
  const auto everybody = fs::perms::owner_read | fs::perms::owner_write | fs::perms::others_read;
  store_.reset();
  for (const char* name : {"data.mdb", "lock.mdb"}) fs::permissions(folder / name, everybody);
  open();
  for (const char* name : {"data.mdb", "lock.mdb"}) {
    EXPECT_EQ(fs::status(folder / name).permissions(),
              fs::perms::owner_read | fs::perms::owner_write)
        << name;
  }
}

// What the refused batch said of its keys is forgotten with it.
TEST_F(KvStoreTest, AfterABatchThatFoundNoRoomItIsKnownWhatIsThere) {
  KvConfig config = small_config();
  config.map_bytes_max = 1 << 20;
  open(config);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put(fmt::format("k{}", i), "x").has_value());
  KvBatch batch;
  for (int i = 0; i < 10; ++i) batch.erase(as_bytes(fmt::format("k{}", i)));
  batch.put(as_bytes("new"), bytes_of(std::string(2 << 20, 'x')));
  const auto refused = env_.run(store_->commit(std::move(batch)));
  ASSERT_FALSE(refused.has_value());
  ASSERT_EQ(refused.error().code(), Code::resource_exhausted);
  EXPECT_EQ(get("k3"), "x");
  EXPECT_EQ(get("new"), std::nullopt);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put(fmt::format("k{}", i), "y").has_value());
  EXPECT_TRUE(put("new", "y").has_value());
  EXPECT_EQ(store_->item_count(), 21u);
  EXPECT_TRUE(env_.run(scrub_all(store_.get())).has_value());
}

TEST_F(KvStoreTest, AKeyIsAbsentUntilItsCommitIsDone) {
  open();
  TaskGroup group(env_.scheduler());
  KvBatch batch;
  batch.put(as_bytes("a"), bytes_of("1"));
  bool done = false;
  auto committing = [](KvStore* store, KvBatch changes, bool* ended) -> Task<void> {
    const auto result = co_await store->commit(std::move(changes));
    *ended = result.has_value();
  };
  group.spawn(committing(store_.get(), std::move(batch), &done));
  for (int turns = 0; !done && turns < 100; ++turns) {
    const auto value = store_->get(as_bytes("a"));
    ASSERT_TRUE(value.has_value()) << value.error().to_string();
    env_.try_run_one();
  }
  ASSERT_TRUE(done);
  EXPECT_EQ(get("a"), "1");
}

TEST_F(KvStoreTest, RefusesABatchAboveItsLimit) {
  KvConfig config = small_config();
  config.batch_bytes_max = 1000;
  open(config);
  EXPECT_EQ(put("a", std::string(1000, 'x')).error().code(), Code::resource_exhausted);
  EXPECT_TRUE(put("a", std::string(900, 'x')).has_value());
}

TEST_F(KvStoreTest, TakesKeysUpToTheLongest) {
  open();
  const std::string key(kKvKeyBytesMax, 'k');
  ASSERT_TRUE(put(key, "v").has_value());
  EXPECT_EQ(get(key), "v");
}

TEST_F(KvStoreTest, FindsADamagedValueByItsHash) {
  open();
  ASSERT_TRUE(put("key", "a-value-to-be-damaged").has_value());
  ASSERT_TRUE(put("other", "fine").has_value());
  flip_bit_at("a-value-to-be-damaged", 5);
  EXPECT_EQ(get("other"), "fine");
  EXPECT_EQ(get("absent"), std::nullopt);
  EXPECT_EQ(store_->get(as_bytes("key")).error().code(), Code::data_loss);
  EXPECT_TRUE(store_->damaged());
  // Absence proves nothing any more.
  EXPECT_EQ(store_->get(as_bytes("absent")).error().code(), Code::data_loss);
  EXPECT_EQ(put("key", "overwritten").error().code(), Code::data_loss);
  store_.reset();
  EXPECT_EQ(try_open().error().code(), Code::data_loss);
}

TEST_F(KvStoreTest, AMissingFileIsALossNotAnEmptyStore) {
  open();
  ASSERT_TRUE(put("a", "1").has_value());
  store_.reset();
  std::filesystem::remove(data_file());
  EXPECT_EQ(try_open().error().code(), Code::data_loss);
}

TEST_F(KvStoreTest, StartsAgainAfterACreationThatWasCutShort) {
  (void)env_.run(env_.disk().create_directory("shard/kv"));
  const std::string garbage(3000, '\x5a');
  std::ofstream(data_file(), std::ios::binary) << garbage;
  open();
  ASSERT_TRUE(put("a", "1").has_value());
  open();
  EXPECT_EQ(get("a"), "1");
}

TEST_F(KvStoreTest, StartsAgainAfterACreationWhoseMarkerIsBlank) {
  open();
  const size_t size = env_.disk().content("shard/kv/FORMAT").size();
  store_.reset();
  std::filesystem::remove(data_file());
  // The marker's size reached the disk, its page did not.
  env_.disk().put("shard/kv/FORMAT", Bytes(size, 0));
  open();
  ASSERT_TRUE(put("a", "1").has_value());
  open();
  EXPECT_EQ(get("a"), "1");
}

TEST_F(KvStoreTest, DoesNotTakeAStoreWithContentForAnUnfinishedCreation) {
  open();
  ASSERT_TRUE(put("a", "1").has_value());
  store_.reset();
  const Bytes marker = env_.disk().content("shard/kv/FORMAT");
  ASSERT_TRUE(env_.run(env_.disk().remove("shard/kv/FORMAT")).has_value());
  EXPECT_EQ(try_open().error().code(), Code::failed_precondition);
  env_.disk().put("shard/kv/FORMAT", marker);
  open();
  EXPECT_EQ(get("a"), "1");
}

// More than a creation leaves: a person may still save what is in it.
TEST_F(KvStoreTest, DoesNotBeginAnewWhereALargeStoreIsDamagedAndItsMarkerGone) {
  open();
  ASSERT_TRUE(put("a", std::string(200'000, 'x')).has_value());
  store_.reset();
  ASSERT_TRUE(env_.run(env_.disk().remove("shard/kv/FORMAT")).has_value());
  std::fstream file(data_file(), std::ios::binary | std::ios::in | std::ios::out);
  file << std::string(8'192, '\x5a');
  file.close();
  const auto bytes = std::filesystem::file_size(data_file());
  EXPECT_EQ(try_open().error().code(), Code::data_loss);
  EXPECT_EQ(std::filesystem::file_size(data_file()), bytes);
}

TEST_F(KvStoreTest, RefusesANewerFormatAndADamagedMarker) {
  open();
  store_.reset();
  Bytes& marker = env_.disk().content("shard/kv/FORMAT");
  const Bytes good = marker;
  marker[3] ^= 1;
  EXPECT_EQ(try_open().error().code(), Code::data_loss);
  marker = good;
  marker.resize(8);
  ByteWriter writer(marker);
  writer.put(uint32_t{2});
  writer.put(uint32_t{0});
  writer.put(checksum64(marker));
  const auto newer = try_open();
  EXPECT_EQ(newer.error().code(), Code::failed_precondition);
  EXPECT_THAT(newer.error().message(), ::testing::HasSubstr("format 2"));
}

TEST_F(KvStoreTest, RefusesAWrongConfiguration) {
  KvConfig config = small_config();
  config.map_bytes_max = 12345;
  EXPECT_EQ(try_open(config).error().field(), "map_bytes_max");
}

TEST_F(KvStoreTest, CanBeReopenedAfterClose) {
  open();
  ASSERT_TRUE(put("a", "1").has_value());
  env_.run(store_->close());
  auto again = try_open();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(as_text(**(*again)->get(as_bytes("a"))), "1");
}

TEST_F(KvStoreTest, SurvivesTheDeathOfACommittingTask) {
  open();
  {
    TaskGroup group(env_.scheduler());
    KvBatch batch;
    batch.put(as_bytes("a"), bytes_of("1"));
    auto lost = [](KvStore* store, KvBatch changes) -> Task<void> {
      const auto result = co_await store->commit(std::move(changes));
      (void)result;
    };
    group.spawn(lost(store_.get(), std::move(batch)));
    env_.try_run_one();
  }
  EXPECT_TRUE(put("b", "2").has_value());
  EXPECT_TRUE(env_.run(scrub_all(store_.get())).has_value());
  EXPECT_EQ(store_->item_count(), 2u) << "a commit that began goes on";
}

TEST_F(KvStoreTest, ClosingWaitsForACommitWhoseTaskHasDied) {
  open();
  {
    TaskGroup group(env_.scheduler());
    KvBatch batch;
    batch.put(as_bytes("a"), bytes_of("1"));
    auto lost = [](KvStore* store, KvBatch changes) -> Task<void> {
      const auto result = co_await store->commit(std::move(changes));
      (void)result;
    };
    group.spawn(lost(store_.get(), std::move(batch)));
    env_.try_run_one();
    env_.try_run_one();
  }
  env_.run(store_->close());
  auto again = try_open();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ((*again)->item_count(), 1u);
}

TEST_F(KvStoreTest, ManyCommitsAtOnceRunOneAfterAnother) {
  open();
  std::vector<Task<Result<void>>> commits;
  for (int i = 0; i < 20; ++i) {
    KvBatch batch;
    batch.put(as_bytes(fmt::format("k{}", i)), bytes_of("v"));
    commits.push_back(store_->commit(std::move(batch)));
  }
  auto all = [](std::vector<Task<Result<void>>>* tasks) -> Task<bool> {
    bool ok = true;
    for (Task<Result<void>>& task : *tasks) {
      const auto result = co_await task;
      ok = ok && result.has_value();
    }
    co_return ok;
  };
  EXPECT_TRUE(env_.run(all(&commits)));
  EXPECT_EQ(store_->item_count(), 20u);
}

// Who stops a node waits for what its threads have begun: a start that is given up does not read a
// large store to its end. What would be read is taken away here, so that reading it shows.
TEST_F(KvStoreTest, AStartThatIsGivenUpReadsNoFurther) {
  for (const size_t runs_first : {0, 1}) {
    open();
    ASSERT_TRUE(put("key", "value").has_value());
    const std::string file = data_file();
    store_.reset();
    HeldWork held{runs_first, nullptr, Event(env_.scheduler())};
    env_.disk().make_directory = [&held](std::string path) {
      return std::make_unique<HoldingDirectory>(std::move(path), &held);
    };
    {
      TaskGroup starting(env_.scheduler());
      starting.spawn(open_and_drop(&env_));
      env_.run_all();
      ASSERT_TRUE(held.kept);
    }
    env_.disk().make_directory = nullptr;
    const std::string kept = file + ".kept";
    std::filesystem::copy_file(file, kept);
    std::filesystem::resize_file(file, 0);
    held.kept();
    held.kept = nullptr;
    EXPECT_EQ(std::filesystem::file_size(file), 0u);
    std::filesystem::rename(kept, file);
    open();
    EXPECT_EQ(get("key"), "value");
  }
}

// Random batches, reopenings and scans against std::map.
RC_GTEST_PROP(KvStoreModel, EqualsAMap, ()) {
  MemoryEnv env;
  const auto open_store = [&] { return *env.run(KvStore::open(&env, "kv", small_config())); };
  std::unique_ptr<KvStore> store = open_store();
  Model model;
  const int rounds = *rc::gen::inRange(1, 15);
  for (int round = 0; round < rounds; ++round) {
    KvBatch batch;
    Model next = model;
    const auto operations =
        *rc::gen::container<std::vector<std::tuple<uint8_t, bool, std::string>>>(
            rc::gen::tuple(rc::gen::inRange<uint8_t>(0, 40), rc::gen::arbitrary<bool>(),
                           rc::gen::arbitrary<std::string>()));
    for (const auto& [number, erases, value] : operations) {
      const std::string key = fmt::format("key{}", number);
      if (erases) {
        batch.erase(as_bytes(key));
        next.erase(key);
      } else {
        batch.put(as_bytes(key), bytes_of(value));
        next[key] = value;
      }
    }
    RC_ASSERT(env.run(store->commit(std::move(batch))).has_value());
    model = next;
    if (*rc::gen::inRange(0, 4) == 0) {
      store.reset();
      store = open_store();
    }
    RC_ASSERT(content_of(store.get()) == model);
    RC_ASSERT(store->digest() == digest_of(model));
    RC_ASSERT(store->item_count() == model.size());
  }
  store.reset();
  RC_ASSERT(env.run(KvStore::open(&env, "kv", small_config())).has_value());
}

RC_GTEST_PROP(KvStoreModel, DigestDoesNotDependOnBatching,
              (std::vector<std::pair<uint8_t, uint16_t>> writes)) {
  MemoryEnv env;
  auto one = *env.run(KvStore::open(&env, "one", small_config()));
  auto other = *env.run(KvStore::open(&env, "other", small_config()));
  KvBatch whole;
  for (const auto& [key, value] : writes) {
    KvBatch single;
    single.put(ByteView(&key, 1), bytes_of(fmt::format("{}", value)));
    RC_ASSERT(env.run(one->commit(std::move(single))).has_value());
    whole.put(ByteView(&key, 1), bytes_of(fmt::format("{}", value)));
  }
  RC_ASSERT(env.run(other->commit(std::move(whole))).has_value());
  RC_ASSERT(one->digest() == other->digest());
}

}  // namespace
}  // namespace vectron
