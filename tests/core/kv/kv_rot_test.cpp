// Flipped bits in what a KvStore has stored: keys, names, pages. None may pass for an absence.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "core/kv/kv_store.h"
#include "tests/core/kv/scrub_all.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

using Model = std::map<std::string, std::string>;

class KvRot : public ::testing::Test {
 protected:
  Result<void> open() {
    store_.reset();
    KvConfig config;
    config.map_bytes_max = 4 << 20;
    config.readers_max = 8;
    VECTRON_TRY(store_, env_.run(KvStore::open(&env_, "kv", config)));
    return {};
  }
  /// Fifty keys of one length, as one commit.
  void fill() {
    ASSERT_TRUE(open().has_value());
    KvBatch batch;
    for (int i = 0; i < 50; ++i) batch.put(as_bytes(fmt::format("key-{:02}", i)), Bytes{1, 2, 3});
    batch.put_record("applied", Bytes{7});
    ASSERT_TRUE(env_.run(store_->commit(std::move(batch))).has_value());
  }
  Result<void> put(std::string_view key, Bytes value) {
    KvBatch batch;
    batch.put(as_bytes(key), std::move(value));
    return env_.run(store_->commit(std::move(batch)));
  }
  Result<void> erase(std::string_view key) {
    KvBatch batch;
    batch.erase(as_bytes(key));
    return env_.run(store_->commit(std::move(batch)));
  }
  Code get(std::string_view key) {
    const auto value = store_->get(as_bytes(key));
    if (!value.has_value()) return value.error().code();
    return value->has_value() ? Code::ok : Code::not_found;
  }
  Code scrub(size_t bytes_max) {
    while (true) {
      const auto more = env_.run(store_->scrub_some(bytes_max));
      if (!more.has_value()) return more.error().code();
      if (!*more) return Code::ok;
    }
  }
  std::string data_file() {
    return (*env_.disk().open_blocking_directory("kv"))->path() + "/data.mdb";
  }
  std::string bytes() {
    std::ifstream in(data_file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  /// Writes one byte in place: an open store sees it as it sees rot.
  void set_byte(size_t at, char byte) {
    std::fstream file(data_file(), std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<long>(at));
    file.put(byte);
  }
  /// Flips a bit of the byte `offset` behind each place of `needle`.
  void rot(std::string_view needle, size_t offset) {
    const std::string content = bytes();
    size_t found = 0;
    for (size_t at = content.find(needle); at != std::string::npos;
         at = content.find(needle, at + 1)) {
      set_byte(at + offset, static_cast<char>(content[at + offset] ^ 1));
      ++found;
    }
    ASSERT_GT(found, 0u);
  }
  /// Fifty keys and no record, the last of them not listed by its page any more.
  void fill_and_lose_the_last() {
    constexpr size_t kPageBytes = 4096;
    constexpr size_t kFlagsAt = 10;
    constexpr size_t kLowerAt = 12;
    constexpr char kLeaf = 2;
    ASSERT_TRUE(open().has_value());
    KvBatch batch;
    for (int i = 0; i < 50; ++i) batch.put(as_bytes(fmt::format("key-{:02}", i)), Bytes{1, 2, 3});
    ASSERT_TRUE(env_.run(store_->commit(std::move(batch))).has_value());
    const std::string content = bytes();
    size_t found = 0;
    for (size_t page = 0; page < content.size(); page += kPageBytes) {
      if (content[page + kFlagsAt] != kLeaf) continue;
      if (content.substr(page, kPageBytes).find("key-49") == std::string::npos) continue;
      set_byte(page + kLowerAt, static_cast<char>(content[page + kLowerAt] - 2));
      ++found;
    }
    ASSERT_GT(found, 0u);
  }
  std::optional<Model> content() {
    Model model;
    const auto end = store_->scan({}, [&](ByteView key, ByteView value) {
      model.emplace(as_text(key), as_text(value));
      return true;
    });
    if (!end.has_value()) return std::nullopt;
    return model;
  }

  MemoryEnv env_;
  std::unique_ptr<KvStore> store_;
};

// key-31 becomes a second key-30: its own place in the order stays right.
TEST_F(KvRot, AKeyThatVanishedIsNotAnsweredAsAbsent) {
  fill();
  rot("key-31", 5);
  EXPECT_EQ(get("key-99"), Code::not_found);
  EXPECT_FALSE(store_->damaged());
  EXPECT_EQ(get("key-31"), Code::data_loss);
  EXPECT_TRUE(store_->damaged());
  EXPECT_EQ(get("key-99"), Code::data_loss);
}

TEST_F(KvRot, AKeyThatVanishedIsNotWrittenAnewNorErased) {
  fill();
  const uint64_t digest = store_->digest();
  rot("key-31", 5);
  EXPECT_EQ(put("key-31", {9}).error().code(), Code::data_loss);
  EXPECT_TRUE(store_->damaged());
  EXPECT_EQ(store_->item_count(), 50u);
  EXPECT_EQ(store_->digest(), digest);
  EXPECT_EQ(put("key-01", {9}).error().code(), Code::data_loss);
}

TEST_F(KvRot, AKeyThatVanishedIsNotErasedAsIfItWereAbsent) {
  fill();
  rot("key-31", 5);
  EXPECT_EQ(erase("key-31").error().code(), Code::data_loss);
  EXPECT_TRUE(store_->damaged());
}

TEST_F(KvRot, AKeyThatVanishedHasNoHash) {
  fill();
  rot("key-31", 5);
  EXPECT_EQ(store_->get_pair_hash(as_bytes("key-31")).error().code(), Code::data_loss);
}

TEST_F(KvRot, ARecordThatVanishedIsNotAbsent) {
  fill();
  auto reader = store_->open_reader();
  rot("\x02"
      "applied",
      3);
  EXPECT_EQ((*reader)->get_record("applied").error().code(), Code::data_loss);
  EXPECT_EQ(store_->get_record("applied").error().code(), Code::data_loss);
}

TEST_F(KvRot, AHeaderThatVanishedIsNotMadeAnew) {
  fill();
  // The header's node: flags, the length of its key, its name. Its value begins with the version.
  rot(std::string_view("\x02\x00\x00h\x01\x00\x00\x00", 8), 3);
  EXPECT_EQ(put("new", {1}).error().code(), Code::data_loss);
  EXPECT_TRUE(store_->damaged());
  EXPECT_EQ(store_->open_reader().error().code(), Code::data_loss);
  EXPECT_EQ(open().error().code(), Code::data_loss);
}

TEST_F(KvRot, OpeningFindsAKeyThatVanished) {
  fill();
  store_.reset();
  rot("key-31", 5);
  EXPECT_EQ(open().error().code(), Code::data_loss);
}

TEST_F(KvRot, TheScrubberFindsAKeyThatNobodyAsksFor) {
  fill();
  EXPECT_EQ(scrub(10), Code::ok);
  rot("key-31", 5);
  EXPECT_EQ(scrub(10), Code::data_loss);
  EXPECT_TRUE(store_->damaged());
}

TEST_F(KvRot, AScrubIsRightWhateverIsCommittedMeanwhile) {
  fill();
  RandomStream random(5, "scrub");
  Model model;
  for (int pass = 0; pass < 20; ++pass) {
    bool more = true;
    while (more) {
      for (int i = 0; i < 3; ++i) {
        const std::string key = fmt::format("key-{:02}", random.below(80));
        const auto done = random.below(3) == 0
                              ? erase(key)
                              : put(key, Bytes(random.below(200), static_cast<uint8_t>(pass)));
        ASSERT_TRUE(done.has_value()) << done.error().to_string();
      }
      const auto scrubbed = env_.run(store_->scrub_some(200));
      ASSERT_TRUE(scrubbed.has_value()) << scrubbed.error().to_string();
      more = *scrubbed;
    }
  }
  EXPECT_TRUE(env_.run(scrub_all(store_.get())).has_value());
}

TEST_F(KvRot, AReaderThatReadEverythingKnowsWhetherItWasEverything) {
  fill();
  auto reader = store_->open_reader();
  rot("key-31", 5);
  KvScanRange range;
  range.items_max = 7;
  Code code = Code::ok;
  while (code == Code::ok) {
    const auto end = (*reader)->scan(range, [](ByteView, ByteView) { return true; });
    if (!end.has_value()) code = end.error().code();
    if (end.has_value() && !end->has_value()) break;
    if (end.has_value()) range.from = **end;
  }
  EXPECT_EQ(code, Code::data_loss);
}

// Every pair that is left is in order and has its checksum: only the sums say that one is missing.
TEST_F(KvRot, AScanOfAllMissesAKeyThatItsPageListsNoLonger) {
  fill_and_lose_the_last();
  EXPECT_EQ(get("key-48"), Code::ok);
  EXPECT_EQ(content(), std::nullopt);
  EXPECT_TRUE(store_->damaged());
}

TEST_F(KvRot, AReaderMissesAKeyThatItsPageListsNoLonger) {
  fill_and_lose_the_last();
  auto reader = store_->open_reader();
  const auto end = (*reader)->scan({}, [](ByteView, ByteView) { return true; });
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error().code(), Code::data_loss);
}

TEST_F(KvRot, TheScrubberMissesAKeyThatItsPageListsNoLonger) {
  fill_and_lose_the_last();
  EXPECT_EQ(scrub(100), Code::data_loss);
}

TEST_F(KvRot, TheScrubberFindsARecordThatVanished) {
  fill();
  rot("\x02"
      "applied",
      3);
  EXPECT_EQ(scrub(100), Code::data_loss);
}

TEST_F(KvRot, ARecordThatVanishedAfterAReopeningIsNotAbsent) {
  fill();
  ASSERT_TRUE(open().has_value());
  rot("\x02"
      "applied",
      3);
  EXPECT_EQ(store_->get_record("applied").error().code(), Code::data_loss);
}

// One flipped bit anywhere in the file of a closed store: it is refused, or it holds exactly what
// it held after its last commit or the one before (LMDB keeps both), and goes on rightly.
TEST_F(KvRot, AnyFlippedBitOfAClosedStoreIsRefusedOrHarmless) {
  ASSERT_TRUE(open().has_value());
  RandomStream random(3, "rot");
  Model model;
  Model before;
  for (int i = 0; i < 150; ++i) {
    before = model;
    KvBatch batch;
    for (int k = 0; k < 12; ++k) {
      const std::string key = fmt::format("{:016x}", mix64(random.below(700)));
      if (random.below(3) == 0) {
        batch.erase(as_bytes(key));
        model.erase(key);
      } else {
        const size_t size = random.below(12) == 0 ? 3000 + random.below(9000) : random.below(300);
        batch.put(as_bytes(key), Bytes(size, static_cast<uint8_t>('a' + i % 26)));
        model[key] = std::string(size, static_cast<char>('a' + i % 26));
      }
    }
    ASSERT_TRUE(env_.run(store_->commit(std::move(batch))).has_value());
  }
  ASSERT_EQ(content(), model);
  store_.reset();
  const std::string whole = bytes();
  size_t refused = 0;
  size_t older = 0;
  for (int i = 0; i < 3000; ++i) {
    // Half of them where the structure is: the meta pages, and the heads of pages.
    const size_t page = random.below(whole.size() / 4096);
    const size_t offset = i % 4 == 0   ? random.below(2) * 4096 + random.below(152)
                          : i % 4 == 1 ? page * 4096 + random.below(64)
                                       : random.below(whole.size());
    const auto flipped = static_cast<char>(whole[offset] ^ (1 << random.below(8)));
    set_byte(offset, flipped);
    if (const auto opened = open(); !opened.has_value()) {
      EXPECT_EQ(opened.error().code(), Code::data_loss) << offset;
      ++refused;
    } else {
      Model expected = model;
      if (content() != model) {
        ASSERT_EQ(content(), before) << "byte " << offset;
        expected = before;
        ++older;
      }
      ASSERT_TRUE(put("more", Bytes(5000, 'x')).has_value()) << "byte " << offset;
      ASSERT_TRUE(erase(expected.begin()->first).has_value()) << "byte " << offset;
      expected.erase(expected.begin());
      expected["more"] = std::string(5000, 'x');
      ASSERT_EQ(content(), expected) << "byte " << offset;
      ASSERT_TRUE(env_.run(scrub_all(store_.get())).has_value()) << "byte " << offset;
    }
    store_.reset();
    std::ofstream(data_file(), std::ios::binary)
        .write(whole.data(), static_cast<long>(whole.size()));
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_GT(older, 5u);
}

}  // namespace
}  // namespace vectron
