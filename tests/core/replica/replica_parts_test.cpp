// The small parts of core/replica: compaction, manifests, messages on the wire, the node's folder.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/replica/birth_remains.h"
#include "core/replica/log_retention.h"
#include "core/replica/manifest_file.h"
#include "core/replica/raft_transport.h"
#include "core/replica/replica_config.h"
#include "core/replica/replica_host.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

RC_GTEST_PROP(Compaction, CutsOnlyWhatIsInTheStoreAndLeavesATail, (uint32_t first, uint32_t span)) {
  ReplicaConfig config;
  config.log_entries_kept_max = *rc::gen::inRange<uint64_t>(1, 1000);
  const LogIndex first_index(uint64_t{first} + 1);
  const LogIndex flushed = first_index + span % 5000 - 1;
  const LogIndex cut = compaction_index(
      config, {.first_index = first_index, .flushed_index = flushed, .needed_from = flushed + 1});
  const uint64_t in_store = span % 5000;
  if (in_store <= config.log_entries_kept_max) {
    RC_ASSERT(cut < first_index);
  } else {
    RC_ASSERT(cut >= first_index);
    RC_ASSERT(cut <= flushed);
    RC_ASSERT(flushed - cut == config.log_entries_kept_max / 2);
  }
}

LogExtent extent(uint64_t first, uint64_t flushed, uint64_t needed, size_t bytes) {
  return {LogIndex(first), LogIndex(flushed), LogIndex(needed), bytes};
}

TEST(Compaction, TooManyBytesCutEverythingThatIsInTheStore) {
  ReplicaConfig config;
  config.log_bytes_kept_max = 100;
  EXPECT_EQ(compaction_index(config, extent(5, 9, 10, 101)), LogIndex(9));
  EXPECT_LT(compaction_index(config, extent(5, 9, 10, 100)), LogIndex(5));
  EXPECT_LT(compaction_index(config, extent(5, 4, 10, 101)), LogIndex(5));
}

TEST(Compaction, WaitsForAFollowerThatIsBehindUpToABound) {
  ReplicaConfig config;
  config.log_bytes_kept_max = 100;
  config.log_bytes_waiting_max = 1000;
  EXPECT_EQ(compaction_index(config, extent(5, 9, 7, 1000)), LogIndex(6));
  EXPECT_LT(compaction_index(config, extent(5, 9, 5, 1000)), LogIndex(5));
  EXPECT_EQ(compaction_index(config, extent(5, 9, 5, 1001)), LogIndex(9));
  config.log_bytes_kept_max = 2000;
  config.log_entries_kept_max = 2;
  EXPECT_EQ(compaction_index(config, extent(5, 9, 10, 1500)), LogIndex(8));
  EXPECT_EQ(compaction_index(config, extent(5, 9, 7, 1500)), LogIndex(6));
}

raft::RaftStatus::Peer follower(uint64_t id, uint64_t match,
                                raft::ProgressState state = raft::ProgressState::replicate) {
  raft::RaftStatus::Peer peer;
  peer.id = ReplicaId(id);
  peer.match = LogIndex(match);
  peer.state = state;
  peer.recent_active = true;
  return peer;
}

raft::RaftStatus leading(std::vector<raft::RaftStatus::Peer> peers) {
  raft::RaftStatus status;
  status.self = ReplicaId(1);
  status.role = raft::Role::leader;
  status.first_index = LogIndex(100);
  status.last_index = LogIndex(200);
  status.peers = std::move(peers);
  return status;
}

TEST(LogRetention, WaitsForTheOneThatIsFurthestBehind) {
  const LogRetention retention(20);
  EXPECT_EQ(retention.needed_from(leading({follower(1, 200), follower(2, 200)})), LogIndex(201));
  EXPECT_EQ(retention.needed_from(leading({follower(2, 150), follower(3, 170)})), LogIndex(151));
  // It will have a snapshot of an index that nobody knows yet.
  EXPECT_EQ(retention.needed_from(leading({follower(2, 3)})), LogIndex(100));
}

TEST(LogRetention, KeepsWhatComesAfterASnapshotUntilItsReceiverHasCaughtUp) {
  using raft::ProgressState;
  LogRetention retention(20);
  retention.sending(ReplicaId(2), LogIndex(140));
  EXPECT_EQ(retention.needed_from(leading({follower(2, 3, ProgressState::snapshot)})),
            LogIndex(141));
  retention.sent(ReplicaId(2));
  // It is there; its acknowledgement is not.
  EXPECT_EQ(retention.needed_from(leading({follower(2, 3, ProgressState::probe)})), LogIndex(100));
  EXPECT_EQ(retention.needed_from(leading({follower(2, 140)})), LogIndex(141));
}

TEST(LogRetention, DoesNotWaitForOneThatDoesNotAnswer) {
  LogRetention retention(2);
  raft::RaftStatus status = leading({follower(2, 150)});
  status.peers[0].recent_active = false;
  retention.tick(status);
  retention.tick(status);
  EXPECT_EQ(retention.needed_from(status), LogIndex(151));
  retention.tick(status);
  EXPECT_EQ(retention.needed_from(status), LogIndex(201));
  status.peers[0].recent_active = true;
  retention.tick(status);
  EXPECT_EQ(retention.needed_from(status), LogIndex(151));
}

TEST(LogRetention, ALeaderAnewKnowsNothingOfEarlierSilence) {
  LogRetention retention(2);
  raft::RaftStatus status = leading({follower(2, 150)});
  status.peers[0].recent_active = false;
  for (int i = 0; i < 5; ++i) retention.tick(status);
  raft::RaftStatus following = status;
  following.role = raft::Role::follower;
  retention.tick(following);
  EXPECT_EQ(retention.needed_from(status), LogIndex(151));
}

TEST(BirthRemains, TakeNoOtherNamesForThoseOfReplicas) {
  EXPECT_EQ(replica_of_folder("17"), ReplicaId(17));
  for (const std::string_view name :
       {"", "017", "+17", "17 ", "17x", "-1", "99999999999999999999"}) {
    EXPECT_EQ(replica_of_folder(name), std::nullopt) << name;
  }
}

TEST(ReplicaConfig, NamesTheFieldThatIsWrong) {
  ReplicaConfig config;
  EXPECT_TRUE(config.validate().has_value());
  config.election_ticks = 3;
  EXPECT_EQ(config.validate().error().field(), "election_ticks");
  config = ReplicaConfig();
  config.append_bytes_max = kAppendBytesMax + 1;
  EXPECT_EQ(config.validate().error().field(), "append_bytes_max");
  config = ReplicaConfig();
  config.snapshot_chunk_bytes_max = kSnapshotChunkBytesMax + 1;
  EXPECT_EQ(config.validate().error().field(), "snapshot_chunk_bytes_max");
  config.snapshot_chunk_bytes_max = 0;
  EXPECT_EQ(config.validate().error().field(), "snapshot_chunk_bytes_max");
  // The record of the applied index goes into the same commit.
  config = ReplicaConfig();
  config.overlay.flush_bytes_max = config.kv.batch_bytes_max - 256;
  EXPECT_TRUE(config.validate().has_value());
  ++config.overlay.flush_bytes_max;
  EXPECT_EQ(config.validate().error().field(), "flush_bytes_max");
}

raft::Message any_message() {
  const auto number = [] { return *rc::gen::inRange<uint64_t>(0, 1 << 20); };
  raft::Message message;
  message.kind = static_cast<raft::MessageKind>(*rc::gen::inRange<int>(0, raft::kMessageKindCount));
  message.from = ReplicaId(number());
  message.to = ReplicaId(number());
  message.term = Term(number());
  message.index = LogIndex(number());
  message.log_term = Term(number());
  message.commit_index = LogIndex(number());
  message.rejected = *rc::gen::arbitrary<bool>();
  message.hint_index = LogIndex(number());
  message.hint_term = Term(number());
  message.context = *rc::gen::arbitrary<uint64_t>();
  message.transfer = *rc::gen::arbitrary<bool>();
  for (const auto& data : *rc::gen::arbitrary<std::vector<Bytes>>()) {
    message.entries.push_back(
        {Term(number()), LogIndex(number()), raft::EntryKind::normal, raft::make_payload(data)});
  }
  return message;
}

RC_GTEST_PROP(RaftMessage, SurvivesTheWire, ()) {
  const raft::Message message = any_message();
  const auto decoded =
      decode<wire::RaftBatch>(encode(wire::RaftBatch{{to_wire(GroupId(9), message)}}));
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(decoded->messages.at(0).group_id == 9u);
  const auto back = from_wire(decoded->messages[0]);
  RC_ASSERT(back.has_value());
  RC_ASSERT(to_wire(GroupId(9), *back) == to_wire(GroupId(9), message));
  RC_ASSERT(back->kind == message.kind && back->entries.size() == message.entries.size());
}

TEST(RaftMessage, RefusesKindsThatDoNotExist) {
  wire::RaftMessage message;
  message.kind = raft::kMessageKindCount;
  EXPECT_EQ(from_wire(message).error().field(), "kind");
  message.kind = 0;
  message.entries.push_back({1, 1, 9, {}});
  EXPECT_EQ(from_wire(message).error().field(), "entries.kind");
}

TEST(ManifestFile, IsReplacedWholeOrNotAtAll) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    MemoryEnv env(seed);
    ASSERT_TRUE(env.run(write_manifest(&env, "", "m", {1, 2, 3})).has_value());
    {
      TaskGroup tasks(env.scheduler());
      struct Writer {
        static Task<void> run(Env* env) {
          const auto written = co_await write_manifest(env, "", "m", Bytes(2000, 9));
          VECTRON_ASSERT(written.has_value());
        }
      };
      tasks.spawn(Writer::run(&env));
      for (uint64_t i = 0; i < seed % 12; ++i) env.try_run_one();
    }
    RandomStream random(seed);
    env.disk().crash(CrashMode::random_subset, &random);
    const auto read = env.run(read_manifest(&env, "m"));
    ASSERT_TRUE(read.has_value()) << read.error().to_string();
    EXPECT_TRUE(*read == (Bytes{1, 2, 3}) || *read == Bytes(2000, 9));
  }
}

// At each step of a write on a full disk the power goes, or the device fails.
TEST(ManifestFile, TheOnlyCopyIsNotWrittenOverOnAFullDisk) {
  const Bytes before(40, 1);
  const Bytes after(40, 2);
  struct Writer {
    static Task<void> run(Env* env, Bytes record) {
      const auto written =
          co_await write_manifest(env, "", "m", std::move(record), SpareFile::kept);
      (void)written;
    }
  };
  size_t written = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    MemoryEnv env(seed);
    MemoryDisk& disk = env.disk();
    ASSERT_TRUE(env.run(write_manifest(&env, "", "m", before, SpareFile::kept)).has_value());
    ASSERT_TRUE(env.run(disk.sync_directory("")).has_value());
    disk.capacity_bytes = disk.used_bytes();
    if (seed % 2 != 0) disk.writes_until_error = static_cast<int64_t>(seed / 2 % 3);
    {
      TaskGroup tasks(env.scheduler());
      tasks.spawn(Writer::run(&env, after));
      for (uint64_t i = 0; i < seed % 16; ++i) env.try_run_one();
    }
    RandomStream random(seed);
    disk.crash(CrashMode::random_subset, &random);
    const auto read = env.run(read_manifest(&env, "m"));
    ASSERT_TRUE(read.has_value()) << seed << read.error().to_string();
    ASSERT_TRUE(*read == before || *read == after) << seed;
    written += *read == after ? 1 : 0;
  }
  EXPECT_GT(written, 50u) << "on a full disk, too";
}

TEST(ManifestFile, NoticesEveryFlippedBit) {
  MemoryEnv env;
  ASSERT_TRUE(env.run(write_manifest(&env, "", "m", {1, 2, 3})).has_value());
  const Bytes good = env.disk().content("m");
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= 1U << (bit % 8);
    env.disk().put("m", bad);
    const auto read = env.run(read_manifest(&env, "m"));
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code(), Code::data_loss);
  }
}

TEST(NodeFolder, CountsStartsAndRefusesStrangers) {
  MemoryEnv env;
  EXPECT_EQ(env.run(open_node_folder(&env, ClusterId(5), NodeId(1)))->incarnation, 1u);
  EXPECT_EQ(env.run(open_node_folder(&env, ClusterId(5), NodeId(1)))->incarnation, 2u);
  const auto other_node = env.run(open_node_folder(&env, ClusterId(5), NodeId(2)));
  EXPECT_EQ(other_node.error().code(), Code::failed_precondition);
  const auto other_cluster = env.run(open_node_folder(&env, ClusterId(6), NodeId(1)));
  EXPECT_EQ(other_cluster.error().code(), Code::failed_precondition);
}

TEST(NodeFolder, CountsOnFromTheTimeOfAStartWhoseClockWasAhead) {
  MemoryEnv env;
  const auto start = [&env](uint64_t time) {
    return env.run(open_node_folder(&env, ClusterId(5), NodeId(1), time))->incarnation;
  };
  EXPECT_EQ(start(1'000), 1'000u);
  EXPECT_EQ(start(7), 1'001u);
  EXPECT_EQ(start(2'000), 2'000u);
}

TEST(NodeFolder, RefusesANewerFormatByName) {
  MemoryEnv env;
  stored::NodeManifest manifest;
  manifest.format_version = 2;
  manifest.cluster_id = 5;
  manifest.node_id = 1;
  ASSERT_TRUE(env.run(write_manifest(&env, "", "node.manifest", encode(manifest))).has_value());
  const auto opened = env.run(open_node_folder(&env, ClusterId(5), NodeId(1)));
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().code(), Code::failed_precondition);
  EXPECT_NE(opened.error().message().find("format version 2"), std::string::npos);
}

}  // namespace
}  // namespace vectron
