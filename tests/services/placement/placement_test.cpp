// The pure parts of the placement driver: choices, the state machine's answers, and the leader's
// view.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <bit>
#include <functional>

#include "core/model/collection.h"
#include "core/model/shard_map.h"
#include "services/placement/cluster_view.h"
#include "services/placement/placement_state.h"
#include "services/placement/planner/placement_choice.h"
#include "tests/services/placement/state_fixture.h"

namespace vectron {
namespace {

Candidate candidate(uint64_t node, std::string zone = {}, std::string host = {}) {
  return {NodeId(node), std::move(zone), {}, std::move(host), 0};
}

TEST(PlacementChoice, SpreadsOverZonesBeforeAnythingElse) {
  const std::vector<Candidate> workers = {candidate(1, "a"), candidate(2, "a"), candidate(3, "a"),
                                          candidate(4, "b"), candidate(5, "c")};
  const auto chosen = choose_workers(workers, 20, 3, 9);
  ASSERT_TRUE(chosen.has_value());
  for (const auto& nodes : *chosen) {
    EXPECT_TRUE(std::find(nodes.begin(), nodes.end(), NodeId(4)) != nodes.end());
    EXPECT_TRUE(std::find(nodes.begin(), nodes.end(), NodeId(5)) != nodes.end());
  }
}

TEST(PlacementChoice, PutsTwoReplicasOnOneHostOnlyWhenItMust) {
  const std::vector<Candidate> workers = {candidate(1, "z", "h1"), candidate(2, "z", "h1"),
                                          candidate(3, "z", "h2")};
  for (const auto& nodes : *choose_workers(workers, 10, 2, 1)) {
    EXPECT_TRUE(std::find(nodes.begin(), nodes.end(), NodeId(3)) != nodes.end());
  }
}

TEST(PlacementChoice, SaysHowManyWorkersAreMissing) {
  const std::vector<Candidate> workers = {candidate(1), candidate(2)};
  const auto chosen = choose_workers(workers, 1, 3, 0);
  ASSERT_FALSE(chosen.has_value());
  EXPECT_EQ(chosen.error().code(), Code::failed_precondition);
  EXPECT_EQ(chosen.error().field(), "replication");
}

TEST(PlacementChoice, GivesNoWorkerMoreThanItCanHoldAndSaysHowManyThereIsRoomFor) {
  std::vector<Candidate> workers = {candidate(1), candidate(2), candidate(3)};
  workers[0].replicas = 7;
  workers[0].replicas_max = 8;
  workers[1].replicas_max = 2;
  const auto chosen = choose_workers(workers, 3, 2, 0);
  ASSERT_TRUE(chosen.has_value());
  size_t on_first = 0;
  size_t on_second = 0;
  for (const auto& nodes : *chosen) {
    on_first += static_cast<size_t>(std::ranges::count(nodes, NodeId(1)));
    on_second += static_cast<size_t>(std::ranges::count(nodes, NodeId(2)));
  }
  EXPECT_EQ(on_first, 1u);
  EXPECT_EQ(on_second, 2u);
  workers[2].replicas_max = 2;
  const auto refused = choose_workers(workers, 3, 2, 0);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::resource_exhausted);
  EXPECT_EQ(refused.error().field(), "shards");
  EXPECT_TRUE(refused.error().message().contains("can hold 5 more")) << refused.error().message();
}

RC_GTEST_PROP(PlacementChoice, ChoosesDistinctWorkersAndBalances, (uint64_t salt)) {
  const auto count = *rc::gen::inRange<uint64_t>(1, 12);
  const auto replication = *rc::gen::inRange<uint32_t>(1, static_cast<int>(count) + 1);
  const auto shards = *rc::gen::inRange<uint32_t>(1, 40);
  std::vector<Candidate> workers;
  for (uint64_t i = 0; i < count; ++i) workers.push_back(candidate(i + 1));
  const auto chosen = choose_workers(workers, shards, replication, salt);
  RC_ASSERT(chosen.has_value());
  RC_ASSERT(chosen->size() == shards);
  std::map<NodeId, uint32_t> load;
  for (const auto& nodes : *chosen) {
    RC_ASSERT(std::set<NodeId>(nodes.begin(), nodes.end()).size() == replication);
    for (const NodeId node : nodes) ++load[node];
  }
  uint32_t least = UINT32_MAX, most = 0;
  for (uint64_t i = 0; i < count; ++i) {
    least = std::min(least, load[NodeId(i + 1)]);
    most = std::max(most, load[NodeId(i + 1)]);
  }
  RC_ASSERT(most - least <= 1);
}

TEST(PlacementChoice, LeavesTheRoomThatLaterShardsNeed) {
  std::vector<Candidate> workers = {candidate(1), candidate(2), candidate(3)};
  workers[0].replicas_max = 1;
  workers[1].replicas_max = 1;
  workers[2].replicas = 5;  // It holds most, and has most room.
  workers[2].replicas_max = 7;
  const auto chosen = choose_workers(workers, 2, 2, 0);
  ASSERT_TRUE(chosen.has_value()) << chosen.error().to_string();
  for (const auto& nodes : *chosen) EXPECT_EQ(std::ranges::count(nodes, NodeId(3)), 1);
}

// Whether `shards` shards find `replication` different workers each, by trying everything.
bool fits_somehow(std::vector<uint64_t> rooms, uint32_t shards, uint32_t replication) {
  if (shards == 0) return true;
  std::ranges::sort(rooms);
  for (uint32_t set = 0; set < (1U << rooms.size()); ++set) {
    if (std::popcount(set) != static_cast<int>(replication)) continue;
    std::vector<uint64_t> left = rooms;
    bool possible = true;
    for (size_t i = 0; i < rooms.size() && possible; ++i) {
      if ((set >> i & 1U) == 0) continue;
      possible = left[i] > 0;
      if (possible) --left[i];
    }
    if (possible && fits_somehow(left, shards - 1, replication)) return true;
  }
  return false;
}

RC_GTEST_PROP(PlacementChoice, FindsRoomWheneverThereIsSome, (uint64_t salt)) {
  const auto count = *rc::gen::inRange<uint64_t>(1, 6);
  const auto replication = *rc::gen::inRange<uint32_t>(1, static_cast<int>(count) + 1);
  const auto shards = *rc::gen::inRange<uint32_t>(1, 5);
  std::vector<Candidate> workers;
  std::vector<uint64_t> rooms;
  for (uint64_t i = 0; i < count; ++i) {
    const std::array<std::string, 3> zones = {"", "a", "b"};
    workers.push_back(candidate(i + 1, zones[*rc::gen::inRange<size_t>(0, 3)]));
    rooms.push_back(*rc::gen::inRange<uint64_t>(0, 5));
    workers.back().replicas = *rc::gen::inRange<uint64_t>(0, 4);
    workers.back().replicas_max = workers.back().replicas + rooms.back();
  }
  const auto chosen = choose_workers(workers, shards, replication, salt);
  RC_ASSERT(chosen.has_value() == fits_somehow(rooms, shards, replication));
  if (!chosen.has_value()) return;
  RC_ASSERT(chosen->size() == shards);
  for (const auto& nodes : *chosen) {
    RC_ASSERT(std::set<NodeId>(nodes.begin(), nodes.end()).size() == replication);
    for (const NodeId node : nodes) RC_ASSERT(rooms[node.value() - 1]-- > 0);
  }
}

TEST(PlacementChoice, DoesNotPutAllShardsOnTheSameWorkers) {
  std::vector<Candidate> workers;
  for (uint64_t i = 1; i <= 6; ++i) workers.push_back(candidate(i));
  std::set<std::set<NodeId>> sets;
  for (const auto& nodes : *choose_workers(workers, 16, 3, 4)) {
    sets.insert(std::set<NodeId>(nodes.begin(), nodes.end()));
  }
  EXPECT_GE(sets.size(), 4u);
}

TEST(PlacementChoice, SaysWhetherMoreWorkersCouldSpreadReplicasBetter) {
  const std::vector<Candidate> workers = {candidate(1, "a"), candidate(2, "a"), candidate(3, "b"),
                                          candidate(4), candidate(5)};
  const auto spreads = [&](std::vector<uint64_t> nodes) {
    std::vector<NodeId> ids;
    for (const uint64_t node : nodes) ids.emplace_back(node);
    return spreads_over_zones(workers, {{NodeId(1)}, ids});
  };
  EXPECT_TRUE(spreads({1, 3}));
  EXPECT_TRUE(spreads({2, 3, 4, 5}));
  EXPECT_FALSE(spreads({1, 2}));
  EXPECT_FALSE(spreads({3, 1, 4, 2}));
}

TEST_F(PlacementStateTest, ShowsWorkersAsJoiningReadyOrDown) {
  register_worker(7, 1);
  create("a", {7});
  ClusterView view;
  const stored::WorkerRecord& worker = state_.workers().at(NodeId(7));
  const auto at = [&](Duration now) {
    return status_of(state_, view, Watching{Instant(0s), Instant(now), 15s}, worker);
  };
  EXPECT_EQ(at(5s).state, wire::WorkerState::joining);
  EXPECT_EQ(at(16s).state, wire::WorkerState::down);  // It never reported to this leader.
  wire::ReplicaReport report;
  report.replica_id = 1;
  report.is_leader = true;
  report.points = 40;
  view.hear(NodeId(7), Instant(1s), 0, std::vector{report});
  view.note_condition(NodeId(7), {.stored_bytes = 4'096});
  const wire::WorkerStatus ready = at(3s);
  EXPECT_EQ(ready.state, wire::WorkerState::ready);
  EXPECT_EQ(ready.silence_ms, 2'000U);
  EXPECT_EQ(ready.replicas, 1U);
  EXPECT_EQ(ready.leaders, 1U);
  EXPECT_EQ(ready.points, 40U);
  EXPECT_EQ(ready.stored_bytes, 4'096U);
  view.note_condition(NodeId(7), {.stored_bytes = 4'096, .draining = true});
  EXPECT_EQ(at(3s).state, wire::WorkerState::draining);
  const wire::WorkerStatus down = at(17s);
  EXPECT_EQ(down.state, wire::WorkerState::down);
  EXPECT_EQ(down.leaders, 0U);
}

TEST_F(PlacementStateTest, RefusesAWorkerWhoseFolderWithCopiesWasReplaced) {
  register_worker(7, 1, 100);
  EXPECT_TRUE(register_worker(7, 2, 200).status.ok());  // It held nothing yet.
  create("a", {7});
  const Status refused = register_worker(7, 3, 300).status;
  EXPECT_EQ(refused.code(), Code::failed_precondition);
  EXPECT_EQ(refused.field(), "folder_id");
  EXPECT_TRUE(register_worker(7, 3, 200).status.ok());
}

TEST_F(PlacementStateTest, GivesOutIdsOnceAndSurvivesAReload) {
  register_worker(7, 1);
  EXPECT_EQ(create("a", {7}).collection, CollectionId(1));
  EXPECT_EQ(create("b", {7}).collection, CollectionId(2));
  EXPECT_EQ(create("a", {7}).status.code(), Code::already_exists);
  PlacementState reloaded;
  ASSERT_TRUE(env_.run(reloaded.load(overlay_.get(), {})).has_value());
  EXPECT_EQ(reloaded.collections(), state_.collections());
  EXPECT_EQ(reloaded.workers(), state_.workers());
  EXPECT_EQ(reloaded.counters(), state_.counters());
  EXPECT_EQ(reloaded.find("b")->shards[0].replicas[0].replica_id, 2u);
}

TEST_F(PlacementStateTest, TakesTheLineageOfTheFirstRegistrationForEver) {
  EXPECT_TRUE(state_.check_lineage(0).has_value());
  EXPECT_EQ(status_of(state_.check_lineage(7)).code(), Code::failed_precondition)
      << "whoever made those replicas, it was not this state";
  ASSERT_TRUE(register_worker(1, 1, 1, 5).status.ok());
  ASSERT_TRUE(register_worker(2, 1, 1, 6).status.ok());
  EXPECT_EQ(state_.counters().lineage, 5U);
  ASSERT_TRUE(env_.run(state_.load(overlay_.get(), {})).has_value());
  EXPECT_EQ(state_.counters().lineage, 5U);
  EXPECT_TRUE(state_.check_lineage(0).has_value());
  EXPECT_TRUE(state_.check_lineage(5).has_value());
  EXPECT_EQ(status_of(state_.check_lineage(6)).field(), "lineage");
}

TEST(PlacementCommand, SaysWhatAMemberMustKnowToApplyIt) {
  stored::PlacementCommand command;
  command.register_worker = stored::WorkerRecord{};
  EXPECT_EQ(schema_version_of(command), 1U);
  command.lineage = 7;
  EXPECT_EQ(schema_version_of(command), 2U);
  stored::PlacementCommand removal;
  removal.delete_collection = stored::DeleteCollectionCommand{};
  EXPECT_EQ(schema_version_of(removal), 2U);
  stored::PlacementCommand forgetting;
  forgetting.forget_collections = stored::ForgetCollectionsCommand{};
  EXPECT_EQ(schema_version_of(forgetting), 2U);
}

TEST_F(PlacementStateTest, RefusesAWorkerWhoseDiskWasLost) {
  register_worker(7, 3);
  const PlacementAnswer answer = register_worker(7, 1);
  EXPECT_EQ(answer.status.code(), Code::failed_precondition);
  EXPECT_EQ(answer.status.field(), "incarnation");
  EXPECT_EQ(state_.workers().at(NodeId(7)).incarnation, 3u);
}

TEST_F(PlacementStateTest, AForgedStartKeepsNoWorkerOut) {
  register_worker(7, 3, 100);
  EXPECT_TRUE(register_worker(7, UINT64_MAX, 666).status.ok());  // It holds nothing yet.
  EXPECT_TRUE(register_worker(7, 4, 100).status.ok());
  create("a", {7});
  EXPECT_EQ(register_worker(7, UINT64_MAX, 666).status.field(), "folder_id");
  EXPECT_TRUE(register_worker(7, 5, 100).status.ok());
}

// A placement node lets a worker in whatever a stranger registered in its name, as long as it holds
// nothing; afterwards nobody without its folder can register it.
TEST_F(PlacementStateTest, KnowsForCertainOnlyTheStartsOfWorkersThatHoldCopies) {
  register_worker(7, 3, 100);
  register_worker(8, UINT64_MAX, 666);
  EXPECT_TRUE(starts_of_holders(state_).empty());
  create("a", {7});
  EXPECT_EQ(starts_of_holders(state_), (std::map<NodeId, uint64_t>{{NodeId(7), 3}}));
}

TEST_F(PlacementStateTest, HasABoundOfWorkersAndForgetsThoseThatHoldNothing) {
  for (uint64_t node = 1; node <= kWorkersMax; ++node) {
    ASSERT_TRUE(register_worker(node, 1).status.ok());
  }
  create("a", {1});
  create("b", {2});
  remove(2);
  const Status refused = register_worker(kWorkersMax + 1, 1).status;
  EXPECT_EQ(refused.code(), Code::resource_exhausted);
  EXPECT_EQ(refused.field(), "node_id");
  EXPECT_TRUE(register_worker(3, 2).status.ok()) << "it is on record";
  stored::PlacementCommand command;
  command.forget_workers = stored::ForgetWorkersCommand{{1, 2, 3, 99'999}};
  EXPECT_EQ(schema_version_of(command), 3U);
  const uint64_t revision = state_.counters().revision;
  ASSERT_TRUE(apply(command).status.ok());
  EXPECT_GT(state_.counters().revision, revision);
  EXPECT_TRUE(state_.workers().contains(NodeId(1)));
  EXPECT_TRUE(state_.workers().contains(NodeId(2))) << "it may still hold what is removed";
  EXPECT_FALSE(state_.workers().contains(NodeId(3)));
  EXPECT_TRUE(register_worker(kWorkersMax + 1, 1).status.ok());
  PlacementState reloaded;
  ASSERT_TRUE(env_.run(reloaded.load(overlay_.get(), {})).has_value());
  EXPECT_EQ(reloaded.workers(), state_.workers());
}

TEST_F(PlacementStateTest, HasABoundOfCopies) {
  const std::vector<uint64_t> nodes = {1, 2, 3, 4, 5, 6, 7};
  for (const uint64_t node : nodes) register_worker(node, 1);
  size_t left = kReplicasMax;
  for (int i = 0; left > 0; ++i) {
    const size_t replication = std::min(left / kShardsMax, nodes.size());
    const std::vector<uint64_t> some(nodes.begin(),
                                     nodes.begin() + static_cast<ptrdiff_t>(replication));
    ASSERT_TRUE(create(fmt::format("large-{}", i), some, kShardsMax).status.ok());
    left -= kShardsMax * replication;
  }
  EXPECT_EQ(create("a", {1}).status.code(), Code::resource_exhausted);
  ASSERT_TRUE(env_.run(state_.load(overlay_.get(), {})).has_value());
  EXPECT_EQ(create("a", {1}).status.code(), Code::resource_exhausted) << "after a restart";
  remove(1);
  EXPECT_TRUE(create("a", {1}).status.ok());
}

TEST_F(PlacementStateTest, KeepsOfReportsWhatItNeedsAndSomeOfTheRest) {
  register_worker(7, 1);
  register_worker(8, 1);
  create("a", {7});
  create("b", {7});
  create("c", {8});
  remove(2);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(create(fmt::format("large-{}", i), {8}, kStrayReportsMax).status.ok());
  }
  std::vector<wire::ReplicaReport> reports(state_.counters().replica_id + 5'000);
  for (size_t i = 0; i < reports.size(); ++i) reports[i].replica_id = reports.size() - i;
  std::set<uint64_t> kept;
  for (const auto& report : reports_to_keep(state_, NodeId(7), reports)) {
    EXPECT_LE(report.replica_id, state_.counters().replica_id);
    kept.insert(report.replica_id);
  }
  EXPECT_EQ(kept.size(), kStrayReportsMax + 2);
  EXPECT_TRUE(kept.contains(1)) << "it shall hold it";
  EXPECT_TRUE(kept.contains(2)) << "the removal waits for it";
}

TEST_F(PlacementStateTest, TellsAWorkerTheStartsOfItsPeersAlone) {
  register_worker(7, 3);
  register_worker(8, 4);
  register_worker(9, 5);
  create("a", {7, 9});
  const auto starts = starts_of_peers(state_, NodeId(7));
  ASSERT_EQ(starts.size(), 2U);
  EXPECT_EQ(starts[0].node_id, 7U);
  EXPECT_EQ(starts[0].incarnation, 3U);
  EXPECT_EQ(starts[1].node_id, 9U);
  EXPECT_EQ(starts[1].incarnation, 5U);
}

// A member that lies may put them into the log; workers would get them as orders.
TEST_F(PlacementStateTest, RefusesPlansThatNoWorkerCouldHold) {
  register_worker(7, 1);
  stored::CreateCollectionCommand good;
  good.name = "a";
  good.dimension = 3;
  good.replication = 1;
  good.shards.push_back({0, UINT64_MAX, {7}});
  using Change = std::function<void(stored::CreateCollectionCommand*)>;
  const std::vector<std::pair<std::string, Change>> changes = {
      {"index.m", [](auto* plan) { plan->index.m = 1; }},
      {"index.ef_construction", [](auto* plan) { plan->index.ef_construction = 0; }},
      {"index.ef_search_default", [](auto* plan) { plan->index.ef_search_default = 0; }},
      {"dimension", [](auto* plan) { plan->dimension = 0; }},
      {"name", [](auto* plan) { plan->name = "no name/"; }},
      {"shards", [](auto* plan) { plan->shards.clear(); }},
      {"shards", [](auto* plan) { plan->shards.front().hash_low = 7; }},
      {"shards.node_ids", [](auto* plan) { plan->shards.front().node_ids = {}; }},
      {"shards.node_ids", [](auto* plan) { plan->shards.front().node_ids = {7, 7}; }},
      {"replication", [](auto* plan) { plan->replication = 0; }},
  };
  for (const auto& [field, change] : changes) {
    stored::PlacementCommand command;
    command.create_collection = good;
    change(&*command.create_collection);
    const auto checked = state_.check(encode(command), 1 << 20);
    ASSERT_FALSE(checked.has_value()) << field;
    EXPECT_EQ(checked.error().field(), field);
    const PlacementAnswer answer = apply(command);
    EXPECT_EQ(answer.status.field(), field);
    EXPECT_TRUE(state_.collections().empty());
  }
  stored::PlacementCommand command;
  command.create_collection = good;
  EXPECT_TRUE(state_.check(encode(command), 1 << 20).has_value());
  command = {};
  command.register_worker = stored::WorkerRecord{};
  EXPECT_EQ(state_.check(encode(command), 1 << 20).error().field(), "node_id");
  EXPECT_EQ(apply(command).status.field(), "node_id");
}

TEST_F(PlacementStateTest, ReportsOfCountsAloneChangeNoOrders) {
  register_worker(7, 1);
  create("a", {7});
  ClusterView view;
  std::vector<wire::ReplicaReport> reports(1);
  reports[0].replica_id = 1;
  view.hear(NodeId(7), Instant(1s), 1, reports);
  const uint64_t before = view.changes_of(NodeId(7));
  reports[0].points = 5;
  reports[0].applied_index = 9;
  reports[0].is_leader = true;
  view.hear(NodeId(7), Instant(2s), 1, reports);
  view.note_condition(NodeId(7), {.stored_bytes = 5});
  EXPECT_EQ(view.changes_of(NodeId(7)), before);
  view.note_condition(NodeId(7), {.memory_full = true});
  EXPECT_GT(view.changes_of(NodeId(7)), before);
  const uint64_t full = view.changes_of(NodeId(7));
  reports.emplace_back();
  reports[1].replica_id = 2;
  view.hear(NodeId(7), Instant(3s), 1, reports);
  EXPECT_GT(view.changes_of(NodeId(7)), full);
}

TEST_F(PlacementStateTest, AssignsWithBootstrapUntilTheBirthIsRecorded) {
  register_worker(7, 1);
  create("a", {7});
  EXPECT_TRUE(assignments_of(state_, NodeId(7)).at(0).bootstrap);
  ClusterView view;
  EXPECT_TRUE(view.unrecorded_births(state_).empty());
  report(&view, 7, 1, false, 0);
  ASSERT_EQ(view.unrecorded_births(state_), std::vector<uint64_t>{1});
  stored::PlacementCommand command;
  command.replicas_created = stored::ReplicasCreatedCommand{view.unrecorded_births(state_)};
  apply(command);
  EXPECT_FALSE(assignments_of(state_, NodeId(7)).at(0).bootstrap);
  EXPECT_TRUE(view.unrecorded_births(state_).empty());
}

TEST_F(PlacementStateTest, RemovesACollectionByItsIdAndFreesItsName) {
  register_worker(7, 1);
  create("a", {7});
  EXPECT_EQ(remove(1).collection, CollectionId(1));
  EXPECT_EQ(state_.find("a"), nullptr);
  EXPECT_TRUE(assignments_of(state_, NodeId(7)).empty());
  ASSERT_TRUE(state_.removed().contains(CollectionId(1)));
  // Again, and under the name's next collection: nothing happens to that one.
  EXPECT_EQ(create("a", {7}).collection, CollectionId(2));
  EXPECT_TRUE(remove(1).status.ok());
  EXPECT_NE(state_.find("a"), nullptr);
  EXPECT_EQ(state_.find("a")->shards[0].shard_id, 2u);
  EXPECT_EQ(state_.find("a")->shards[0].replicas[0].replica_id, 2u);
  EXPECT_EQ(remove(3).status.code(), Code::not_found);
  EXPECT_EQ(remove(0).status.code(), Code::not_found);
  PlacementState reloaded;
  ASSERT_TRUE(env_.run(reloaded.load(overlay_.get(), {})).has_value());
  EXPECT_EQ(reloaded.removed(), state_.removed());
  EXPECT_EQ(reloaded.collections(), state_.collections());
}

TEST_F(PlacementStateTest, NamesAReplicaAsRemovedOnlyWhenItsIdWasGivenOutAndIsNotAssigned) {
  register_worker(7, 1);
  create("a", {7});
  create("b", {7});
  ClusterView view;
  wire::ReplicaReport report;
  std::vector<wire::ReplicaReport> reports;
  for (const uint64_t replica : {1, 2, 3}) {
    report.replica_id = replica;
    reports.push_back(report);
  }
  view.hear(NodeId(7), Instant(1s), 0, reports);
  EXPECT_TRUE(view.removed_replicas(state_, NodeId(7)).empty());
  remove(1);
  // Replica 3 is one that this state has not heard of: a state that is behind proves nothing.
  EXPECT_EQ(view.removed_replicas(state_, NodeId(7)), std::vector<uint64_t>{1});
}

TEST_F(PlacementStateTest, CountsAShardAsFencedWhenItsQuorumIsGone) {
  for (const uint64_t node : {7, 8, 9}) register_worker(node, 1);
  create("a", {7, 8, 9});
  ClusterView view;
  for (const uint64_t node : {7, 8, 9}) report(&view, node, node - 6, false, 0);
  remove(1);
  const stored::RemovedCollection removed = state_.removed().at(CollectionId(1));
  EXPECT_FALSE(view.is_fenced(removed));
  // Not holding it proves nothing before the worker has heard of the removal.
  view.hear(NodeId(7), Instant(2s), removed.revision - 1, {});
  view.hear(NodeId(8), Instant(2s), removed.revision, {});
  EXPECT_FALSE(view.is_fenced(removed));
  view.hear(NodeId(7), Instant(3s), removed.revision, {});
  EXPECT_TRUE(view.is_fenced(removed));
  EXPECT_FALSE(view.is_gone(removed));
  view.hear(NodeId(9), Instant(3s), removed.revision + 1, {});
  EXPECT_TRUE(view.is_gone(removed));
  stored::PlacementCommand command;
  command.forget_collections = stored::ForgetCollectionsCommand{{1}};
  apply(command);
  EXPECT_TRUE(state_.removed().empty());
  EXPECT_TRUE(remove(1).status.ok());
}

TEST_F(PlacementStateTest, MoreDropsMayComeWhileAWorkerThatIsNotDownHoldsACopy) {
  for (const uint64_t node : {7, 8, 9}) register_worker(node, 1);
  create("a", {7, 8, 9});
  ClusterView view;
  remove(1);
  const stored::RemovedCollection removed = state_.removed().at(CollectionId(1));
  const auto may_at = [&](Duration now) {
    return view.may_drop_more(removed, Watching{Instant(0s), Instant(now), 15s});
  };
  // Nobody was heard yet, which says nothing before they had their time to report.
  EXPECT_TRUE(may_at(15s));
  EXPECT_FALSE(may_at(16s));
  report(&view, 7, 1, true, 1);  // At one second, holding its copy.
  EXPECT_TRUE(may_at(16s));
  EXPECT_FALSE(may_at(17s));
  view.hear(NodeId(7), Instant(14s), removed.revision, {});
  EXPECT_TRUE(may_at(15s));   // For the two others.
  EXPECT_FALSE(may_at(16s));  // It is there, and has nothing left to drop.
  EXPECT_FALSE(view.is_fenced(removed));
}

TEST_F(PlacementStateTest, PlacesNothingNewOnAWorkerThatDrainsOrIsFull) {
  ClusterView view;
  const auto takes = [&] { return view.takes_replicas(NodeId(7), Instant(1s), 15s); };
  EXPECT_FALSE(takes());
  view.hear(NodeId(7), Instant(1s), 0, {});
  EXPECT_TRUE(takes());
  view.note_condition(NodeId(7), {.draining = true});
  EXPECT_FALSE(takes());
  EXPECT_TRUE(view.is_live(NodeId(7), Instant(1s), 15s));
  view.note_condition(NodeId(7), {.memory_full = true});
  EXPECT_FALSE(takes());
  view.note_condition(NodeId(7), {});
  EXPECT_TRUE(takes());
}

TEST_F(PlacementStateTest, TellsAllOthersOfAShardThatAMemberIsFull) {
  for (uint64_t node : {7, 8, 9}) register_worker(node, 1);
  create("a", {7, 8});
  create("b", {9});
  ClusterView view;
  Instant now(2s);
  const auto crowded = [&](uint64_t node) {
    auto assignments = assignments_of(state_, NodeId(node));
    view.mark_crowded(NodeId(node), {Instant(0s), now, 15s}, &assignments);
    return assignments.front().crowded;
  };
  view.hear(NodeId(8), Instant(1s), 0, {});
  EXPECT_FALSE(crowded(7));
  view.note_condition(NodeId(8), {.memory_full = true});
  EXPECT_TRUE(crowded(7));
  EXPECT_FALSE(crowded(8));  // It knows that of itself.
  EXPECT_FALSE(crowded(9));
  // Its machine is lost: what it last said must not end all writes for ever.
  now = Instant(17s);
  EXPECT_FALSE(crowded(7));
}

TEST_F(PlacementStateTest, ACollectionIsReadyOnceItsLeadersHaveAllThatWasCommitted) {
  for (uint64_t node : {7, 8, 9}) register_worker(node, 1);
  create("a", {7, 8, 9});
  ClusterView view;
  EXPECT_FALSE(view.is_ready(*state_.find("a")));
  wire::ReplicaReport report;
  report.replica_id = state_.find("a")->shards[0].replicas[0].replica_id;
  report.created = true;
  report.is_leader = true;
  report.term = 4;
  report.catching_up = true;
  view.hear(NodeId(7), Instant(1s), state_.counters().revision, std::vector{report});
  EXPECT_FALSE(view.is_ready(*state_.find("a")));
  report.catching_up = false;
  view.hear(NodeId(7), Instant(1s), state_.counters().revision, std::vector{report});
  EXPECT_TRUE(view.is_ready(*state_.find("a")));
}

TEST_F(PlacementStateTest, BelievesTheLeaderOfTheHighestTerm) {
  for (uint64_t node : {7, 8, 9}) register_worker(node, 1);
  create("a", {7, 8, 9});
  const auto& shard = state_.find("a")->shards[0];
  ClusterView view;
  EXPECT_FALSE(view.leader_of(shard).has_value());
  report(&view, 7, 1, true, 4);
  report(&view, 8, 2, true, 5);
  EXPECT_EQ(view.leader_of(shard), NodeId(8));
  report(&view, 9, 3, true, 3);
  EXPECT_EQ(view.leader_of(shard), NodeId(8));
  EXPECT_TRUE(view.is_live(NodeId(9), Instant(10s), 15s));
  EXPECT_FALSE(view.is_live(NodeId(9), Instant(20s), 15s));
  EXPECT_EQ(route_of(state_, view, *state_.find("a")).shards[0].leader_node, 8u);
}

}  // namespace
}  // namespace vectron
