// A ReplicaHost whose disk refuses something: what is well goes on, and nothing is forgotten.
#include "core/replica/replica_host.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "core/async/combine.h"
#include "core/replica/birth_remains.h"
#include "core/replica/manifest_file.h"
#include "core/replica/raft_transport.h"
#include "tests/support/refusing_env.h"

namespace vectron {
namespace {

constexpr GroupId kGroup(7);
constexpr ReplicaId kReplica(1);

constexpr uint8_t kImpossible = 0xee;

// Stores its last command.
class LastCommand final : public StateMachine {
 public:
  /// `generation_max`: it cannot be loaded from a later one.
  explicit LastCommand(uint64_t generation_max = UINT64_MAX) : generation_max_(generation_max) {}

  Task<Result<void>> load(OverlayStore* store, StateHome home) override {
    store_ = store;
    if (home.generation <= generation_max_) co_return Result<void>();
    co_return fail(Code::resource_exhausted, "there is no memory for it");
  }
  Result<void> check(ByteView, size_t) const override { return {}; }
  Result<void> check_pair(ByteView, ByteView value) const override {
    if (value.front() != kImpossible) return {};
    return fail(Code::invalid_argument, "nobody stores this");
  }
  Result<Bytes> apply(LogIndex, ByteView command) override {
    VECTRON_CHECK_OK(store_->put(as_bytes("last"), to_bytes(command)));
    return to_bytes(command);
  }

 private:
  uint64_t generation_max_;
  OverlayStore* store_ = nullptr;
};

class NoLinks final : public RaftLinks {
 public:
  bool send(GroupId group, const ReplicaMember&, raft::Message) override {
    spoke.insert(group);
    return false;
  }
  Task<Result<uint64_t>> send_snapshot(ReplicaMember, SnapshotPiece, Instant) override {
    co_return fail(Code::unavailable, "this test has no links");
  }

  /// Groups that wanted to say something.
  std::set<GroupId> spoke;
};

// A node with groups of one.
class ReplicaHostTest : public testing::Test {
 protected:
  Result<void> open() {
    close();
    ReplicaHostConfig config;
    config.cluster = ClusterId(5);
    config.node = NodeId(1);
    config.incarnation = 1;
    config.replica.kv.map_bytes_max = 4 << 20;
    config.wal.segment_bytes_max = 1 << 20;
    config.replica.scrub_interval = scrub_interval_;
    auto opened = env_.below().run(ReplicaHost::open(&env_, config, &links_, nullptr));
    VECTRON_TRY(host_, std::move(opened));
    return {};
  }
  void close() {
    if (host_ == nullptr) return;
    while (host_->find(kGroup) != nullptr && host_->find(kGroup)->serving()) {
      env_.below().run(host_->find(kGroup)->stop(Status(Code::unavailable, "the node stops")));
    }
    host_.reset();
  }
  void TearDown() override { close(); }

  Result<void> bear(uint64_t group, uint64_t replica) {
    stored::ReplicaManifest manifest;
    manifest.group_id = group;
    manifest.replica_id = replica;
    manifest.members = {{replica, 1, "here:1"}};
    return env_.below().run(host_->bear(std::move(manifest)));
  }
  /// A follower: the other one lives elsewhere, and nobody has stood for election yet.
  Result<void> bear_one_of_two(uint64_t generation_max = UINT64_MAX) {
    stored::ReplicaManifest manifest;
    manifest.group_id = kGroup.value();
    manifest.replica_id = kReplica.value();
    manifest.members = {{1, 1, "here:1"}, {2, 2, "there:1"}};
    VECTRON_CHECK_OK(env_.below().run(host_->bear(std::move(manifest))));
    auto starting = host_->start(kGroup, std::make_unique<LastCommand>(generation_max));
    const auto started = env_.below().run(std::move(starting));
    VECTRON_CHECK_OK(started);
    return {};
  }
  /// The snapshot that the other one sends, with one pair.
  static SnapshotPiece snapshot_of(uint8_t value) {
    const Bytes key = to_bytes(as_bytes("last"));
    stored::KeyValuePage page;
    page.pairs.push_back({key, {value}});
    SnapshotPiece piece;
    piece.group = kGroup;
    piece.from = ReplicaId(2);
    piece.to = kReplica;
    piece.term = Term(1);
    piece.meta.index = LogIndex(5);
    piece.meta.term = Term(1);
    piece.meta.membership.voters = {kReplica, ReplicaId(2)};
    piece.page = encode(page);
    piece.digest = kv_pair_hash(key, Bytes{value});
    piece.last = true;
    return piece;
  }
  /// What another program left in the node's log. Requires: the host is closed.
  Result<void> write_to_log(WalBatch batch) {
    WalConfig config;
    config.cluster = ClusterId(5);
    config.node = NodeId(1);
    config.segment_bytes_max = 1 << 20;
    const auto opened = env_.below().run(Wal::open(&env_, "wal", config));
    if (!opened.has_value()) return fail(opened.error());
    return env_.below().run(opened->wal->append_and_sync(std::move(batch)));
  }
  Status start(GroupId group = kGroup) {
    auto starting = host_->start(group, std::make_unique<LastCommand>());
    const Status started = status_of(env_.below().run(std::move(starting)));
    env_.below().run_for(1s);  // One that is alone leads by then.
    return started;
  }
  Result<Applied> write(uint8_t value) {
    const Instant deadline = env_.clock().monotonic() + 10s;
    return env_.below().run(host_->find(kGroup)->propose(Bytes{value}, deadline));
  }
  std::optional<Bytes> last_written() {
    const Instant deadline = env_.clock().monotonic() + 10s;
    const auto reached = env_.below().run(host_->find(kGroup)->read_barrier(deadline));
    VECTRON_ASSERT(reached.has_value());
    return *host_->find(kGroup)->store().get(as_bytes("last"));
  }
  ReplicaHost::Presence presence() const { return host_->presence(kGroup, kReplica); }

  /// Flips a bit of the byte behind each place of `key` in a store's file.
  static void rot_pair(const std::string& path, std::string_view key) {
    std::ifstream in(path, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    in.close();
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    for (size_t at = content.find(key); at != std::string::npos; at = content.find(key, at + 1)) {
      const size_t place = at + key.size();
      file.seekp(static_cast<long>(place));
      file.put(static_cast<char>(content[place] ^ 1));
    }
  }

  RefusingEnv env_;
  Duration scrub_interval_ = std::chrono::hours(1);
  NoLinks links_;
  std::unique_ptr<ReplicaHost> host_;
};

// The folder is looked through for other generations after the log was looked at.
TEST_F(ReplicaHostTest, AStartThatFailedLateLosesNothingOfTheLog) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
  ASSERT_TRUE(start().ok());
  ASSERT_TRUE(write(42).has_value());
  ASSERT_TRUE(open().has_value());
  env_.disk().refused["replicas/1"] = {Status(Code::resource_exhausted, "no descriptor is free"),
                                       1};
  EXPECT_EQ(start().code(), Code::resource_exhausted);
  EXPECT_EQ(presence(), ReplicaHost::Presence::born);
  const Status again = start();
  ASSERT_TRUE(again.ok()) << again.to_string();
  EXPECT_EQ(last_written(), Bytes{42});
  EXPECT_TRUE(write(43).has_value());
}

// An order to remove a replica that was never here names a group that lives here.
TEST_F(ReplicaHostTest, TheRemovalOfAnotherReplicaOfTheGroupLeavesItsLogAlone) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
  ASSERT_TRUE(start().ok());
  ASSERT_TRUE(write(42).has_value());
  ASSERT_TRUE(env_.below().run(host_->drop(kGroup, ReplicaId(77))).has_value());
  ASSERT_TRUE(write(43).has_value());
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(presence(), ReplicaHost::Presence::born);
  ASSERT_TRUE(start().ok());
  EXPECT_EQ(last_written(), Bytes{43});
  // Its own removal takes the log along.
  ASSERT_TRUE(env_.below().run(host_->drop(kGroup, kReplica)).has_value());
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(presence(), ReplicaHost::Presence::absent);
}

// It would vote with an empty log, against what it promised.
TEST_F(ReplicaHostTest, ALogThatNamesAReplicaWithoutItsFolderMakesItLost) {
  for (const bool is_empty : {false, true}) {
    ASSERT_TRUE(open().has_value());
    if (!is_empty) {
      ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
      ASSERT_TRUE(start().ok());
      ASSERT_TRUE(write(42).has_value());
    }
    close();
    ASSERT_TRUE(env_.below().run(env_.disk().remove_tree("replicas/1")).has_value());
    // A folder in which nothing is left passes for a birth that was cut short, but for the log.
    if (is_empty) {
      ASSERT_TRUE(env_.below().run(env_.disk().create_directory("replicas/1")).has_value());
    }
    ASSERT_TRUE(open().has_value());
    EXPECT_EQ(presence(), ReplicaHost::Presence::lost) << is_empty;
    const auto there = env_.below().run(env_.disk().exists("replicas/1"));
    EXPECT_EQ(there.value_or(!is_empty), is_empty);
  }
}

TEST_F(ReplicaHostTest, ATornTailIsCountedOnce) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
  close();
  const std::string segment = "wal/0000000000000001.wal";
  auto file = env_.below().run(env_.disk().open(segment, OpenMode::read_write));
  ASSERT_TRUE(file.has_value());
  const Bytes torn(20, 7);
  // Behind the only record; what was written in advance there is zeros.
  const auto written = env_.below().run((*file)->write_at(4'096, torn));
  ASSERT_TRUE(written.has_value());
  file->reset();
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(env_.metrics().value(Metric::wal_torn_tails), 1u);
  EXPECT_EQ(presence(), ReplicaHost::Presence::born);
}

TEST_F(ReplicaHostTest, AnotherReplicaOfARunningGroupIsNotRunning) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
  ASSERT_TRUE(start().ok());
  EXPECT_EQ(presence(), ReplicaHost::Presence::running);
  EXPECT_EQ(host_->presence(kGroup, ReplicaId(2)), ReplicaHost::Presence::lost);
}

TEST_F(ReplicaHostTest, AReplicaWhoseStartFindsDamageIsLost) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
  ASSERT_TRUE(start().ok());
  ASSERT_TRUE(write(42).has_value());
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(env_.below().run(env_.disk().remove("replicas/1/generation-1/FORMAT")).has_value());
  auto starting = host_->start(kGroup, std::make_unique<LastCommand>());
  const Status started = status_of(env_.below().run(std::move(starting)));
  EXPECT_EQ(started.code(), Code::data_loss) << started.to_string();
  EXPECT_EQ(presence(), ReplicaHost::Presence::lost);
}

// A member may go up with every message, and each goes into the log; that one stands still here,
// for nothing else runs meanwhile.
TEST_F(ReplicaHostTest, WhatWaitsForTheLogIsBounded) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear_one_of_two().has_value());
  const auto replica = host_->find(kGroup);
  constexpr uint64_t kMessages = 10'000;
  size_t apply_bytes_left = 1 << 20;
  for (uint64_t term = 1; term <= kMessages; ++term) {
    replica->step_all(NodeId(2),
                      {{.kind = raft::MessageKind::heartbeat,
                        .from = ReplicaId(2),
                        .to = kReplica,
                        .term = Term(term)}},
                      &apply_bytes_left);
  }
  EXPECT_GE(replica->status().term, Term(1'000));
  EXPECT_LE(replica->status().term, Term(5'000));
  env_.below().run_for(1ms);
  replica->step_all(NodeId(2),
                    {{.kind = raft::MessageKind::heartbeat,
                      .from = ReplicaId(2),
                      .to = kReplica,
                      .term = Term(kMessages)}},
                    &apply_bytes_left);
  EXPECT_EQ(replica->status().term, Term(kMessages));
}

// What is gone of it then is nothing that somebody should put back.
TEST_F(ReplicaHostTest, ARemovalThatWasCutShortGoesOnAndMissesNothing) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
  ASSERT_TRUE(start().ok());
  ASSERT_TRUE(write(42).has_value());
  const std::string store = "replicas/1/generation-1";
  env_.disk().refused[store] = {Status(Code::unavailable, "the device does not do it now"), 1};
  EXPECT_FALSE(env_.below().run(host_->drop(kGroup, kReplica)).has_value());
  ASSERT_TRUE(env_.below().run(env_.disk().remove(store + "/FORMAT")).has_value());
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(presence(), ReplicaHost::Presence::lost);
  EXPECT_TRUE(host_->manifests().contains(kReplica));  // So it is reported, and removed.
  ASSERT_TRUE(env_.below().run(host_->drop(kGroup, kReplica)).has_value());
  EXPECT_EQ(presence(), ReplicaHost::Presence::absent);
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(presence(), ReplicaHost::Presence::absent);
  ASSERT_TRUE(bear(kGroup.value(), 2).has_value());
}

TEST_F(ReplicaHostTest, AFolderThatCannotBeReadIsLostAndTheOthersServe) {
  const Status refusals[] = {Status(Code::permission_denied, "not allowed"),
                             Status(Code::unavailable, "something else"),
                             Status(Code::data_loss, "the device says EIO")};
  for (const Status& refusal : refusals) {
    for (const std::string_view path :
         {"replicas/2/replica.manifest", "replicas/2/generation-1", "replicas/2"}) {
      ASSERT_TRUE(open().has_value());
      if (host_->manifests().empty()) {
        ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
        ASSERT_TRUE(bear(8, 2).has_value());
      }
      env_.disk().refused = {{std::string(path), {refusal, 1}}};
      const auto opened = open();
      ASSERT_TRUE(opened.has_value()) << path << ": " << opened.error().to_string();
      const bool was_read = path == "replicas/2";  // Nobody looks into a folder that is whole.
      EXPECT_EQ(host_->presence(GroupId(8), ReplicaId(2)),
                was_read ? ReplicaHost::Presence::born : ReplicaHost::Presence::lost)
          << path << ", " << refusal.to_string();
      EXPECT_TRUE(start().ok());
      env_.disk().refused.clear();
      ASSERT_TRUE(open().has_value());
      EXPECT_EQ(host_->presence(GroupId(8), ReplicaId(2)), ReplicaHost::Presence::born);
    }
  }
}

TEST_F(ReplicaHostTest, AManifestOfANewerFormatOrWithoutTheReplicaKeepsNoOtherFromServing) {
  for (const bool newer : {true, false}) {
    ASSERT_TRUE(open().has_value());
    if (host_->manifests().empty()) {
      ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
      ASSERT_TRUE(bear(8, 2).has_value());
    }
    stored::ReplicaManifest manifest = host_->manifests().at(ReplicaId(2));
    if (newer) manifest.format_version = 99;
    if (!newer) manifest.members.front().replica_id = 3;
    const Bytes before = env_.below().disk().content("replicas/2/replica.manifest");
    const auto written = env_.below().run(
        write_manifest(&env_, "replicas/2", std::string(kReplicaManifest), encode(manifest)));
    ASSERT_TRUE(written.has_value());
    const auto opened = open();
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    EXPECT_EQ(host_->presence(GroupId(8), ReplicaId(2)), ReplicaHost::Presence::lost);
    EXPECT_TRUE(start().ok());
    env_.below().disk().put("replicas/2/replica.manifest", before);
  }
}

TEST_F(ReplicaHostTest, AShortageAtTheStartIsNotTakenForALoss) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
  env_.disk().refused["replicas/1/replica.manifest"] = {
      Status(Code::resource_exhausted, "no descriptor is free"), 1};
  EXPECT_EQ(status_of(open()).code(), Code::resource_exhausted);
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(presence(), ReplicaHost::Presence::born);
  EXPECT_TRUE(start().ok());
}

// The store that it would replace is whole.
TEST_F(ReplicaHostTest, ASnapshotWithAPairThatCannotBeLoadedIsNotTaken) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear_one_of_two().has_value());
  for (const uint8_t value : {kImpossible, uint8_t{1}}) {
    const SnapshotPiece piece = snapshot_of(value);
    const auto taken = env_.below().run(host_->find(kGroup)->receive_snapshot(NodeId(2), piece));
    EXPECT_EQ(taken.has_value(), value != kImpossible) << status_of(taken).to_string();
    EXPECT_TRUE(host_->find(kGroup)->serving());
    EXPECT_EQ(host_->find(kGroup)->applied_index(), LogIndex(value == kImpossible ? 0 : 5));
  }
}

// A piece was lost, or changed, and nothing else has told.
TEST_F(ReplicaHostTest, ASnapshotThatHasNotTheDigestOfItsSenderIsNotTaken) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear_one_of_two().has_value());
  SnapshotPiece piece = snapshot_of(1);
  ++piece.digest;
  const auto taken = env_.below().run(host_->find(kGroup)->receive_snapshot(NodeId(2), piece));
  EXPECT_EQ(status_of(taken).code(), Code::data_loss);
  EXPECT_TRUE(host_->find(kGroup)->serving());
  EXPECT_EQ(host_->find(kGroup)->applied_index(), LogIndex(0));
}

// Whoever sends it may set no deadline. The removal of the replica waits for the same turn.
TEST_F(ReplicaHostTest, ASnapshotThatCannotBeLoadedKeepsNobodyWaiting) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear_one_of_two(1).has_value());
  auto receiving = host_->find(kGroup)->receive_snapshot(NodeId(2), snapshot_of(1));
  auto bounded =
      with_deadline(&env_.scheduler(), env_.scheduler().now() + 5s, std::move(receiving));
  const auto taken = env_.below().run(std::move(bounded));
  ASSERT_TRUE(taken.has_value()) << "it still waits";
  EXPECT_FALSE(taken->has_value());
  EXPECT_FALSE(host_->find(kGroup)->serving());
  auto removing = host_->drop(kGroup, kReplica);
  auto soon = with_deadline(&env_.scheduler(), env_.scheduler().now() + 5s, std::move(removing));
  const auto removed = env_.below().run(std::move(soon));
  ASSERT_TRUE(removed.has_value()) << "it still waits";
  EXPECT_TRUE(removed->has_value());
  EXPECT_EQ(presence(), ReplicaHost::Presence::absent);
}

// A program that took any term from the wire may have left it. One above it is 0.
TEST_F(ReplicaHostTest, AReplicaWhoseLogHasTheLastTermOfAllIsLost) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
  close();
  WalBatch batch;
  batch.group = kGroup;
  batch.hard_state = raft::HardState{Term(UINT64_MAX), ReplicaId(), LogIndex()};
  ASSERT_TRUE(write_to_log(std::move(batch)).has_value());
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(start().code(), Code::data_loss);
  EXPECT_EQ(presence(), ReplicaHost::Presence::lost);
}

// No right member writes such logs; a disk may hold one all the same.
TEST_F(ReplicaHostTest, AReplicaWhoseLogIsNoneIsLostAndEndsNothing) {
  struct Case {
    const char* what;
    uint64_t hard_state_term;
    std::vector<uint64_t> terms;
  };
  for (const Case& c : {Case{"a term after a greater one", 3, {2, 1}},
                        Case{"a term above that of the hard state", 1, {1, 2}}}) {
    SCOPED_TRACE(c.what);
    const uint64_t group = kGroup.value() + c.hard_state_term;
    const uint64_t replica = kReplica.value() + c.hard_state_term;
    ASSERT_TRUE(open().has_value());
    ASSERT_TRUE(bear(group, replica).has_value());
    close();
    WalBatch batch;
    batch.group = GroupId(group);
    batch.hard_state = raft::HardState{Term(c.hard_state_term), ReplicaId(), LogIndex()};
    for (const uint64_t term : c.terms) {
      raft::Entry& entry = batch.entries.emplace_back();
      entry.index = LogIndex(batch.entries.size());
      entry.term = Term(term);
    }
    ASSERT_TRUE(write_to_log(std::move(batch)).has_value());
    ASSERT_TRUE(open().has_value());
    EXPECT_EQ(start(GroupId(group)).code(), Code::data_loss);
    EXPECT_EQ(host_->presence(GroupId(group), ReplicaId(replica)), ReplicaHost::Presence::lost);
    close();
  }
}

// It would take the place of everything that the replica has.
TEST_F(ReplicaHostTest, ASnapshotThatNoMemberSendsIsRefused) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear_one_of_two().has_value());
  const auto field_of = [this](NodeId peer, const SnapshotPiece& piece) {
    const auto taken = env_.below().run(host_->find(kGroup)->receive_snapshot(peer, piece));
    return taken.has_value() ? "taken" : taken.error().field();
  };
  EXPECT_EQ(field_of(NodeId(3), snapshot_of(1)), "from");
  SnapshotPiece piece = snapshot_of(1);
  piece.meta.membership.voters.push_back(ReplicaId(3));
  EXPECT_EQ(field_of(NodeId(2), piece), "membership");
  piece = snapshot_of(1);
  piece.meta.term = Term(2);  // Above that of its leader.
  EXPECT_EQ(field_of(NodeId(2), piece), "snapshot.term");
  piece = snapshot_of(1);
  piece.to = ReplicaId(2);
  EXPECT_EQ(field_of(NodeId(2), piece), "to");
  EXPECT_EQ(host_->find(kGroup)->applied_index(), LogIndex(0));
  EXPECT_EQ(field_of(NodeId(2), snapshot_of(1)), "taken");
}

// The log that a snapshot replaces belongs to a leader whose entries were never committed. Nothing
// of it is there at the next start, even what lay behind the snapshot's place.
TEST_F(ReplicaHostTest, ASnapshotLeavesNothingOfALogThatConflictsWithIt) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear_one_of_two().has_value());
  wire::RaftMessage append;
  append.group_id = kGroup.value();
  append.kind = static_cast<uint8_t>(raft::MessageKind::append);
  append.from = 2;
  append.to = kReplica.value();
  append.term = 1;
  for (uint64_t i = 1; i <= 8; ++i) append.entries.push_back({1, i, 0, Bytes{7}});
  RaftReceiver receiver(host_.get());
  RequestContext context;
  context.peer = NodeId(2);
  receiver.step(context, {.messages = {append}});
  env_.below().run_for(20ms);
  SnapshotPiece piece = snapshot_of(1);
  piece.term = piece.meta.term = Term(2);
  const auto taken = env_.below().run(host_->find(kGroup)->receive_snapshot(NodeId(2), piece));
  ASSERT_TRUE(taken.has_value()) << taken.error().to_string();
  close();
  WalConfig config;
  config.cluster = ClusterId(5);
  config.node = NodeId(1);
  config.segment_bytes_max = 1 << 20;
  {
    const auto log = env_.below().run(Wal::open(&env_, "wal", config));
    ASSERT_TRUE(log.has_value()) << log.error().to_string();
    const WalGroupState& group = log->groups.at(kGroup);
    EXPECT_EQ(group.mark->meta.index, LogIndex(5));
    EXPECT_EQ(group.mark->meta.term, Term(2));
    EXPECT_TRUE(group.entries.empty()) << group.entries.size() << " are left";
  }
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(start(), Status());
  EXPECT_EQ(host_->find(kGroup)->applied_index(), LogIndex(5));
}

// Rot in a store that came as a snapshot is found as in any other.
TEST_F(ReplicaHostTest, AStoreThatCameAsASnapshotIsScrubbed) {
  scrub_interval_ = 1s;
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear_one_of_two().has_value());
  const auto taken =
      env_.below().run(host_->find(kGroup)->receive_snapshot(NodeId(2), snapshot_of(1)));
  ASSERT_TRUE(taken.has_value()) << taken.error().to_string();
  const auto folder = env_.disk().open_blocking_directory("replicas/1/generation-2");
  rot_pair((*folder)->path() + "/data.mdb", "last");
  env_.below().run_for(5s);
  EXPECT_EQ(presence(), ReplicaHost::Presence::lost);
}

// How many pairs a page has is the sender's choice.
TEST_F(ReplicaHostTest, APageOfManySmallPairsIsLookedAtOverManyTurns) {
  ASSERT_TRUE(open().has_value());
  stored::ReplicaManifest manifest;
  manifest.group_id = kGroup.value();
  manifest.replica_id = kReplica.value();
  manifest.members = {{1, 1, "here:1"}, {2, 2, "there:1"}};
  ASSERT_TRUE(env_.below().run(host_->bear(std::move(manifest))).has_value());
  auto starting = host_->start(kGroup, std::make_unique<LastCommand>());
  ASSERT_TRUE(env_.below().run(std::move(starting)).has_value());
  SnapshotPiece piece;
  piece.group = kGroup;
  piece.from = ReplicaId(2);
  piece.to = kReplica;
  piece.term = Term(1);
  piece.meta.index = LogIndex(5);
  piece.meta.term = Term(1);
  piece.meta.membership.voters = {kReplica, ReplicaId(2)};
  piece.last = true;
  stored::KeyValuePage page;
  for (uint16_t i = 0; i < 10'000; ++i) {
    Bytes key = {static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    piece.digest += kv_pair_hash(key, Bytes{1});
    page.pairs.push_back({std::move(key), {1}});
  }
  piece.page = encode(page);
  const auto taken = env_.below().run(host_->find(kGroup)->receive_snapshot(NodeId(2), piece));
  ASSERT_TRUE(taken.has_value()) << taken.error().to_string();
  EXPECT_EQ(host_->find(kGroup)->applied_index(), LogIndex(5));
  EXPECT_GT(env_.below().cpu().longest_turn(), 500us) << "it was said";
  EXPECT_LT(env_.below().cpu().longest_turn(), 5ms);
}

// No follower takes more than one frame's worth.
TEST_F(ReplicaHostTest, ACommandThatNoMessageHoldsIsNotProposed) {
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
  ASSERT_TRUE(start().ok());
  const Instant deadline = env_.clock().monotonic() + 10s;
  auto proposing = host_->find(kGroup)->propose(Bytes(kLogEntryBytesMax + 1), deadline);
  EXPECT_EQ(status_of(env_.below().run(std::move(proposing))).code(), Code::invalid_argument);
  EXPECT_TRUE(write(42).has_value());
}

TEST_F(ReplicaHostTest, AFrameOfMoreGroupsThanATurnHoldsIsRefused) {
  ASSERT_TRUE(open().has_value());
  RaftReceiver receiver(host_.get());
  wire::RaftBatch batch;
  batch.messages.resize(500'000);
  receiver.step(RequestContext(), std::move(batch));
  EXPECT_EQ(env_.metrics().value(Metric::raft_messages_refused), 1u);
}

// As nodes of before sent it: the copy takes part, and no turn is long.
TEST_F(ReplicaHostTest, ALargeBatchIsWorkedThroughOverManyTurnsAndInOrder) {
  ASSERT_TRUE(open().has_value());
  stored::ReplicaManifest manifest;
  manifest.group_id = kGroup.value();
  manifest.replica_id = kReplica.value();
  manifest.members = {{1, 1, "here:1"}, {2, 2, "there:1"}};
  ASSERT_TRUE(env_.below().run(host_->bear(std::move(manifest))).has_value());
  auto starting = host_->start(kGroup, std::make_unique<LastCommand>());
  ASSERT_TRUE(env_.below().run(std::move(starting)).has_value());
  constexpr uint64_t kEntries = 3'000;
  wire::RaftMessage append;
  append.group_id = kGroup.value();
  append.kind = static_cast<uint8_t>(raft::MessageKind::append);
  append.from = 2;
  append.to = kReplica.value();
  append.term = 1;
  append.commit_index = kEntries;
  for (uint64_t i = 1; i <= kEntries; ++i) append.entries.push_back({1, i, 0, Bytes(300, 1)});
  wire::RaftMessage next = append;
  next.index = kEntries;
  next.log_term = 1;
  next.commit_index = kEntries + 1;
  next.entries = {{1, kEntries + 1, 0, Bytes{42}}};
  RaftReceiver receiver(host_.get());
  RequestContext context;
  context.peer = NodeId(2);
  receiver.step(context, {.messages = {append}});
  receiver.step(context, {.messages = {next}});  // Does not overtake.
  const auto replica = host_->find(kGroup);
  EXPECT_EQ(replica->applied_index(), LogIndex(0));
  env_.below().run_for(100ms);
  EXPECT_EQ(replica->applied_index(), LogIndex(kEntries + 1));
  EXPECT_EQ(*replica->store().get(as_bytes("last")), Bytes{42});
  EXPECT_EQ(env_.metrics().value(Metric::raft_messages_refused), 0u);
}

// Or heartbeats would pile up behind a large batch faster than a slow follower takes them.
TEST_F(ReplicaHostTest, SmallBatchesBehindALargeOneAreTakenTogether) {
  ASSERT_TRUE(open().has_value());
  RaftReceiver receiver(host_.get());
  RequestContext context;
  context.peer = NodeId(2);
  wire::RaftBatch large;
  large.messages.resize(2'000);
  receiver.step(context, std::move(large));
  wire::RaftBatch small;
  small.messages.resize(1);
  for (int i = 0; i < 400; ++i) receiver.step(context, small);
  const uint64_t before = env_.scheduler().queue().events_run();
  env_.below().run_for(1us);
  EXPECT_LT(env_.scheduler().queue().events_run() - before, 30u);
  EXPECT_EQ(env_.metrics().value(Metric::raft_messages_refused), 0u);
}

// More than have their ticks in one turn of the event loop.
TEST_F(ReplicaHostTest, EachOfManyGroupsHasItsTicks) {
  constexpr uint64_t kGroups = 260;
  ASSERT_TRUE(open().has_value());
  for (uint64_t i = 1; i <= kGroups; ++i) {
    stored::ReplicaManifest manifest;
    manifest.group_id = 100 + i;
    manifest.replica_id = 2 * i;
    manifest.members = {{2 * i, 1, "here:1"}, {2 * i + 1, 2, "there:1"}};
    ASSERT_TRUE(env_.below().run(host_->bear(std::move(manifest))).has_value());
    auto starting = host_->start(GroupId(100 + i), std::make_unique<LastCommand>());
    ASSERT_TRUE(env_.below().run(std::move(starting)).has_value());
  }
  env_.below().run_for(5s);
  EXPECT_EQ(links_.spoke.size(), kGroups) << "each stands for election";
}

TEST_F(ReplicaHostTest, AFrameMayNameManyGroupsThatAreNotHere) {
  constexpr uint64_t kGroups = 2'000;
  ASSERT_TRUE(open().has_value());
  ASSERT_TRUE(bear(kGroup.value(), kReplica.value()).has_value());
  ASSERT_TRUE(start().ok());
  wire::RaftBatch batch;
  batch.messages.resize(kGroups);
  for (uint64_t i = 0; i < kGroups; ++i) batch.messages[i].group_id = 1'000 + i;
  RaftReceiver receiver(host_.get());
  receiver.step(RequestContext(), std::move(batch));
  env_.below().run_for(1ms);
  EXPECT_EQ(env_.metrics().value(Metric::raft_messages_refused), 0u);
  // One of a group that is here comes to its replica's door, where a stranger is refused.
  wire::RaftBatch known;
  known.messages.resize(2);
  known.messages[0].group_id = 1'000;
  known.messages[1].group_id = kGroup.value();
  receiver.step(RequestContext(), std::move(known));
  EXPECT_EQ(env_.metrics().value(Metric::raft_messages_refused), 1u);
}

}  // namespace
}  // namespace vectron
