// What recovery does with bytes that are torn, damaged, misplaced or of somebody else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/wal/segment_reader.h"
#include "tests/core/wal/wal_test_log.h"

namespace vectron {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Without the zeros at the end.
size_t written_bytes(Bytes content) {
  while (!content.empty() && content.back() == 0) content.pop_back();
  return content.size();
}

/// One segment of four synced writes: "first", "second", "third", and a last one.
class WalRecoveryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    log_.open();
    for (const char* data : {"first", "second", "third"}) write(data);
    last_offset_ = log_.wal().size_bytes();
    write("the last record");
    content_ = log_.env.disk().content(TestLog::path(1));
    log_.opened = {};
  }
  void write(std::string_view data) {
    ++index_;
    WalBatch batch = entries_batch(1, index_, 1, 1, data);
    if (index_ == 1) batch.hard_state = raft::HardState{Term(1), ReplicaId(2), LogIndex()};
    ASSERT_TRUE(log_.write(batch).has_value());
  }
  /// Recovers from a log that consists of these bytes.
  Result<void> recover(Bytes content) {
    log_.opened = {};
    for (const std::string& path : log_.env.disk().paths())
      (void)log_.env.run(log_.env.disk().remove(path));
    log_.env.disk().put(TestLog::path(1), std::move(content));
    return log_.try_open();
  }

  TestLog log_;
  uint64_t index_ = 0;
  uint64_t last_offset_ = 0;
  Bytes content_;
};

TEST_F(WalRecoveryTest, CutsATornTailAtEveryByteOfTheLastRecord) {
  for (size_t size = last_offset_ + 1; size < content_.size(); ++size) {
    Bytes torn(content_.begin(), content_.begin() + static_cast<ptrdiff_t>(size));
    ASSERT_TRUE(recover(torn).has_value()) << size;
    ASSERT_THAT(texts(log_.group(1).entries), ElementsAre("1@1:first", "2@1:second", "3@1:third"));
    ASSERT_EQ(log_.opened.torn_bytes, written_bytes(torn) - last_offset_);
    // The cut is durable, and the log goes on.
    ASSERT_EQ(log_.env.disk().content(TestLog::path(1)).size(), last_offset_);
    ASSERT_TRUE(log_.write(entries_batch(1, 4, 1, 2, "new")).has_value());
    log_.crash(CrashMode::drop_unsynced);
    log_.open();
    ASSERT_EQ(texts(log_.group(1).entries).back(), "4@2:new");
    ASSERT_EQ(log_.opened.torn_bytes, 0u);
  }
}

TEST_F(WalRecoveryTest, CutsALastRecordOfWhichAnyPartIsGarbage) {
  RandomStream random(5, "garbage");
  for (size_t begin = last_offset_; begin < content_.size(); ++begin) {
    Bytes torn = content_;
    for (size_t i = begin; i < torn.size(); ++i) torn[i] = static_cast<uint8_t>(random.next());
    torn.resize(torn.size() + random.below(100), static_cast<uint8_t>(random.next()));
    ASSERT_TRUE(recover(torn).has_value()) << begin;
    ASSERT_EQ(log_.group(1).entries.size(), 3u);
  }
}

TEST_F(WalRecoveryTest, CutsZerosOfAnySizeAsWrittenInAdvance) {
  for (const size_t zeros : {1, 7, 8, 47, 48, 4096, 100'000}) {
    Bytes content = content_;
    content.resize(content.size() + zeros);
    ASSERT_TRUE(recover(content).has_value());
    EXPECT_EQ(log_.group(1).entries.size(), 4u);
    EXPECT_EQ(log_.opened.torn_bytes, 0u);
    EXPECT_EQ(log_.env.disk().content(TestLog::path(1)).size(), content_.size());
  }
}

TEST_F(WalRecoveryTest, DetectsAFlippedBitOfEveryByteThatWasSyncedBeforeAnotherWrite) {
  for (size_t at = 0; at < last_offset_; ++at) {
    Bytes damaged = content_;
    damaged[at] ^= static_cast<uint8_t>(1 << (at % 8));
    const Result<void> result = recover(damaged);
    ASSERT_FALSE(result.has_value()) << "byte " << at;
    ASSERT_EQ(result.error().code(), Code::data_loss) << "byte " << at;
  }
  // In the last write a flipped bit cannot be told from a torn one; it is never taken for data.
  for (size_t at = last_offset_; at < content_.size(); ++at) {
    Bytes damaged = content_;
    damaged[at] ^= static_cast<uint8_t>(1 << (at % 8));
    ASSERT_TRUE(recover(damaged).has_value());
    ASSERT_EQ(log_.group(1).entries.size(), 3u) << "byte " << at;
  }
}

TEST_F(WalRecoveryTest, LeavesDamagedBytesAsTheyAre) {
  Bytes damaged = content_;
  damaged[last_offset_ - 1] ^= 1;
  ASSERT_FALSE(recover(damaged).has_value());
  EXPECT_EQ(log_.env.disk().content(TestLog::path(1)), damaged);
}

TEST_F(WalRecoveryTest, ALostPartOfAWriteThatWasNeverSyncedIsTornNotDamaged) {
  log_.open();
  const uint64_t writes_before = log_.env.disk().write_count;
  // One write of five records; its first sectors do not reach the disk, the later ones do.
  for (uint64_t group = 10; group < 15; ++group) {
    ASSERT_TRUE(
        log_.wal().append(entries_batch(group, 1, 1, 1, std::string(600, 'x'))).has_value());
  }
  while (log_.env.disk().write_count == writes_before) log_.env.try_run_one();
  Bytes content = log_.env.disk().content(TestLog::path(2));
  std::fill(content.begin(), content.begin() + 512, 0);
  log_.opened = {};
  log_.env.disk().put(TestLog::path(2), content);
  log_.open();
  EXPECT_EQ(log_.opened.groups.size(), 1u);
  EXPECT_EQ(log_.group(1).entries.size(), 4u);
  EXPECT_EQ(log_.opened.torn_bytes, content.size());
}

TEST_F(WalRecoveryTest, RefusesDamageInASegmentThatIsNotTheNewest) {
  log_.open();
  ASSERT_TRUE(log_.write(entries_batch(1, 5, 1, 1, "in segment 2")).has_value());
  log_.opened = {};
  const Bytes second = log_.env.disk().content(TestLog::path(2));
  for (const size_t at : {last_offset_ + 3, content_.size() - 1, size_t{0}}) {
    Bytes damaged = content_;
    damaged[at] ^= 1;
    log_.env.disk().put(TestLog::path(1), damaged);
    EXPECT_EQ(log_.try_open().error().code(), Code::data_loss);
  }
  Bytes shorter = content_;
  shorter.resize(last_offset_);
  log_.env.disk().put(TestLog::path(1), shorter);
  EXPECT_EQ(log_.try_open().error().code(), Code::data_loss) << "a record is missing between them";
  log_.env.disk().put(TestLog::path(1), content_);
  EXPECT_TRUE(log_.try_open().has_value());
}

TEST_F(WalRecoveryTest, ZerosWrittenInAdvanceAreNeitherTornNorDamaged) {
  Bytes content = content_;
  content.resize(content.size() + 5'000);
  ASSERT_TRUE(recover(content).has_value());
  EXPECT_EQ(log_.opened.torn_bytes, 0u);
  EXPECT_EQ(log_.group(1).entries.size(), 4u);
  // The same behind a segment that is not the newest.
  ASSERT_TRUE(log_.write(entries_batch(1, 5, 1, 1, "in segment 2")).has_value());
  log_.opened = {};
  log_.env.disk().put(TestLog::path(1), content);
  ASSERT_TRUE(log_.try_open().has_value());
  EXPECT_EQ(log_.group(1).entries.size(), 5u);
}

TEST_F(WalRecoveryTest, RefusesZerosInThePlaceOfRecordsThatASegmentFollows) {
  log_.open();
  ASSERT_TRUE(log_.write(entries_batch(1, 5, 1, 1, "in segment 2")).has_value());
  log_.opened = {};
  Bytes damaged = content_;
  std::fill(damaged.begin() + static_cast<ptrdiff_t>(last_offset_), damaged.end(), 0);
  log_.env.disk().put(TestLog::path(1), damaged);
  const Result<void> result = log_.try_open();
  EXPECT_EQ(result.error().code(), Code::data_loss);
  EXPECT_THAT(result.error().message(), HasSubstr("comes next"));
}

TEST_F(WalRecoveryTest, RefusesALogThatLacksASegment) {
  for (int i = 0; i < 2; ++i) {
    log_.open();
    ASSERT_TRUE(log_.write(entries_batch(1, 5, 1, 1, "x")).has_value());
  }
  log_.opened = {};
  ASSERT_TRUE(log_.env.run(log_.env.disk().remove(TestLog::path(2))).has_value());
  const Result<void> result = log_.try_open();
  EXPECT_EQ(result.error().code(), Code::data_loss);
  EXPECT_THAT(result.error().message(), HasSubstr("lacks segment"));
}

TEST(WalRecovery, RefusesALogWhoseFirstSegmentIsGone) {
  TestLog log;
  log.open();
  ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, std::string(1000, 'x'))).has_value());
  log.open();
  ASSERT_TRUE(log.write(entries_batch(1, 2, 1, 1, "x")).has_value());
  log.opened = {};
  ASSERT_TRUE(log.env.run(log.env.disk().remove(TestLog::path(1))).has_value());
  const Result<void> result = log.try_open();
  EXPECT_EQ(result.error().code(), Code::data_loss);
  EXPECT_THAT(result.error().message(), HasSubstr("lacks entry 1 of group 1"));
}

TEST_F(WalRecoveryTest, DoesNotAcceptARecordInAnotherPlace) {
  // The last record once more, right behind itself: intact bytes, but not written there.
  Bytes doubled = content_;
  doubled.insert(doubled.end(), content_.begin() + static_cast<ptrdiff_t>(last_offset_),
                 content_.end());
  ASSERT_TRUE(recover(doubled).has_value());
  EXPECT_EQ(log_.group(1).entries.size(), 4u);
  EXPECT_EQ(log_.opened.torn_bytes, written_bytes(doubled) - content_.size());
}

TEST_F(WalRecoveryTest, RefusesASegmentUnderAnotherName) {
  log_.env.disk().put(TestLog::path(2), content_);
  EXPECT_EQ(log_.try_open().error().code(), Code::failed_precondition);
}

TEST_F(WalRecoveryTest, RefusesTheLogOfAnotherNodeOrCluster) {
  log_.config.node = NodeId(4);
  const Result<void> other_node = log_.try_open();
  EXPECT_EQ(other_node.error().code(), Code::failed_precondition);
  EXPECT_THAT(other_node.error().message(), HasSubstr("node 3"));
  log_.config.node = NodeId(3);
  log_.config.cluster = ClusterId(8);
  EXPECT_EQ(log_.try_open().error().code(), Code::failed_precondition);
}

TEST_F(WalRecoveryTest, RefusesANewerFormatByName) {
  Bytes newer = content_;
  newer[8] = 2;
  constexpr uint64_t kHeaderSeed = 0x77616c2d686561ULL;
  const uint64_t checksum = hash64(ByteView(newer).first(56), kHeaderSeed);
  std::memcpy(newer.data() + 56, &checksum, sizeof(checksum));
  const Result<void> result = recover(newer);
  EXPECT_EQ(result.error().code(), Code::failed_precondition);
  EXPECT_THAT(result.error().message(), HasSubstr("format 2"));
}

TEST_F(WalRecoveryTest, BeginsASegmentAgainThatWasCutShortAtItsCreation) {
  for (const size_t size : {0, 1, 63, 64, 70}) {
    TestLog log;
    log.env.disk().put(TestLog::path(1),
                       Bytes(content_.begin(), content_.begin() + static_cast<ptrdiff_t>(size)));
    log.open();
    EXPECT_TRUE(log.opened.groups.empty());
    ASSERT_TRUE(log.write(entries_batch(1, 1, 1, 1, "x")).has_value());
    EXPECT_THAT(log.env.disk().paths(), ElementsAre(TestLog::path(1)));
    log.open();
    EXPECT_EQ(log.group(1).entries.size(), 1u);
  }
}

TEST_F(WalRecoveryTest, IgnoresForeignFilesInItsFolder) {
  log_.env.disk().put("node/wal/README", {1, 2, 3});
  log_.env.disk().put("node/wal/1.wal", {1, 2, 3});
  EXPECT_TRUE(log_.try_open().has_value());
}

// The format, byte by byte. VECTRON_REWRITE=1 rewrites the file; a change of it is a new format
// version, and the old file stays.
TEST(WalFormat, IsThatOfTheGoldenFile) {
  TestLog log;
  log.open();
  WalBatch first = mark_batch(1, 4, 0, 0);
  first.hard_state = raft::HardState{Term(2), ReplicaId(9), LogIndex(1)};
  first.entries = {make_entry(1, 1, "one"), make_entry(2, 2, "")};
  first.entries[1].kind = raft::EntryKind::noop;
  ASSERT_TRUE(log.write(first).has_value());
  ASSERT_TRUE(log.write(dropped_batch(2, 11)).has_value());
  ASSERT_TRUE(log.write(mark_batch(1, 5, 100, 3, true)).has_value());
  std::string text;
  const Bytes& content = log.env.disk().content(TestLog::path(1));
  for (size_t i = 0; i < content.size(); ++i) {
    if (i % 16 == 0) text += fmt::format("{}{:04x} ", i == 0 ? "" : "\n", i);
    text += fmt::format(" {:02x}", content[i]);
  }
  text += "\n";
  const std::string path = std::string(VECTRON_TEST_DIR) + "/testdata/segment_v1.hex";
  if (std::getenv("VECTRON_REWRITE") != nullptr) std::ofstream(path) << text;
  std::ifstream in(path);
  const std::string golden((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  EXPECT_EQ(text, golden);
}

TEST(SegmentReader, TakesAnyBytesWithoutHarm) {
  RandomStream random(3, "bytes");
  for (int round = 0; round < 2000; ++round) {
    Bytes bytes(random.below(600));
    for (uint8_t& byte : bytes)
      byte = random.below(3) == 0 ? static_cast<uint8_t>(random.next()) : 0;
    SegmentExpectation expected;
    expected.identity = {ClusterId(1), NodeId(1), 1};
    expected.first_sequence = 1;
    expected.is_newest = true;
    const auto scan = read_segment(bytes, expected, [](const auto&, const auto&) { FAIL(); });
    ASSERT_TRUE(scan.has_value());
    ASSERT_EQ(scan->valid_bytes, 0u);
  }
}

}  // namespace
}  // namespace vectron
