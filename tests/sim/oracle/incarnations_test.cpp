#include "sim/oracle/incarnations.h"

#include <gtest/gtest.h>

#include "schemas/storage_messages.h"
#include "sim/oracle/history_check.h"

namespace vectron::sim {
namespace {

const std::vector<std::string> kNames = {"stays", "goes"};

class Entries {
 public:
  Entries() {
    for (const uint64_t node : {101, 102}) {
      stored::PlacementCommand command;
      command.register_worker = stored::WorkerRecord{};
      command.register_worker->node_id = node;
      add(command);
    }
    entries_.push_back(nullptr);  // A leader's first entry has no command.
  }
  Entries& create(std::string name, std::vector<uint64_t> nodes) {
    stored::PlacementCommand command;
    command.create_collection = stored::CreateCollectionCommand{};
    command.create_collection->name = std::move(name);
    command.create_collection->shards = {{0, 9, nodes}, {10, UINT64_MAX, nodes}};
    return add(command);
  }
  Entries& remove(uint64_t id) {
    stored::PlacementCommand command;
    command.delete_collection = stored::DeleteCollectionCommand{id};
    return add(command);
  }
  Entries& forget(uint64_t id) {
    stored::PlacementCommand command;
    command.forget_collections = stored::ForgetCollectionsCommand{{id}};
    return add(command);
  }
  std::vector<Incarnation> incarnations() const { return *incarnations_of(entries_, kNames); }

 private:
  Entries& add(const stored::PlacementCommand& command) {
    entries_.push_back(raft::make_payload(encode(command)));
    return *this;
  }
  std::vector<raft::Payload> entries_;
};

/// "stays" (id 1, shards 1 and 2), "goes" twice (ids 2 and 3, shards 3, 4 and 5, 6).
std::vector<Incarnation> two_lives() {
  Entries entries;
  entries.create("stays", {101}).create("goes", {101, 102}).remove(2).create("goes", {102});
  return entries.incarnations();
}

LifeEvent event(LifeEvent::Kind kind, uint64_t id, uint64_t from, uint64_t to) {
  LifeEvent out;
  out.kind = kind;
  out.collection = id == 1 ? 0 : 1;
  out.id = id;
  out.invoke_order = from;
  out.return_order = to;
  out.outcome = Outcome::ok;
  out.complete = kind == LifeEvent::Kind::remove;
  return out;
}

Operation operation(OperationKind kind, uint64_t from, uint64_t to, Outcome outcome,
                    uint64_t shard) {
  Operation out;
  out.kind = kind;
  out.collection = 1;
  out.invoke_order = from;
  out.return_order = to;
  out.outcome = outcome;
  if (shard != 0) out.tokens = {{shard, 1}};
  return out;
}

std::vector<std::string> violations(const History& history, const std::vector<LifeEvent>& events) {
  ViolationLog log;
  check_lives(history, two_lives(), events, &log);
  std::vector<std::string> out;
  for (const Violation& violation : log.kept()) out.push_back(violation.oracle);
  return out;
}

TEST(Incarnations, GiveOutIdsAsPlacementDoes) {
  Entries entries;
  entries.create("stays", {101}).create("goes", {101, 102}).create("goes", {101});
  entries.create("unheard", {999}).create("another", {101}).remove(2).remove(2);
  entries.create("goes", {102}).forget(2);
  const auto lives = entries.incarnations();
  ASSERT_EQ(lives.size(), 3U);
  EXPECT_EQ(lives[0].collection, 0U);
  EXPECT_EQ(lives[0].shards, (std::vector<uint64_t>{1, 2}));
  EXPECT_FALSE(lives[0].removed);
  EXPECT_EQ(lives[1].id, 2U);
  EXPECT_EQ(lives[1].replicas.size(), 4U);
  EXPECT_EQ(lives[1].replicas[3].replica_id, 6U);
  EXPECT_TRUE(lives[1].removed);
  EXPECT_TRUE(lives[1].forgotten);
  EXPECT_EQ(lives[2].id, 4U);
  EXPECT_EQ(lives[2].shards, (std::vector<uint64_t>{7, 8}));
  EXPECT_FALSE(lives[2].removed);
}

TEST(Incarnations, TellAHistoryApartByTheShardsThatAnswered) {
  History history;
  history.add(operation(OperationKind::upsert, 1, 2, Outcome::ok, 3));
  history.add(operation(OperationKind::upsert, 3, 4, Outcome::unknown, 0));
  history.add(operation(OperationKind::get, 20, 21, Outcome::ok, 0));  // Finds nothing.
  history.add(operation(OperationKind::get, 5, 6, Outcome::ok, 0));
  const std::vector<LifeEvent> events = {event(LifeEvent::Kind::create, 3, 12, 13),
                                         event(LifeEvent::Kind::remove, 2, 7, 10)};
  const History told = by_incarnation(history, two_lives(), events);
  std::vector<uint32_t> collections;
  for (const Operation& each : told.operations()) collections.push_back(each.collection);
  // The write without an answer may have reached both; each read only the one that lived.
  EXPECT_EQ(collections, (std::vector<uint32_t>{1, 1, 2, 2, 1}));
}

TEST(Incarnations, ShowAPointOfAFormerOneAsAViolation) {
  History history;
  Operation write = operation(OperationKind::upsert, 1, 2, Outcome::ok, 3);
  write.value = 9;
  Operation read = operation(OperationKind::get, 20, 21, Outcome::ok, 5);
  read.value = 9;
  history.add(write);
  history.add(read);
  ViolationLog log;
  check_history(by_incarnation(history, two_lives(), {}), &log);
  ASSERT_FALSE(log.empty());
  EXPECT_EQ(log.kept()[0].oracle, oracle::kLinearizability);
}

TEST(Lives, ObjectToAnAnswerOfARemovedCollection) {
  const std::vector<LifeEvent> events = {event(LifeEvent::Kind::remove, 2, 7, 10)};
  History fine;
  fine.add(operation(OperationKind::upsert, 9, 30, Outcome::ok, 3));
  fine.add(operation(OperationKind::upsert, 11, 12, Outcome::ok, 5));
  fine.add(operation(OperationKind::upsert, 11, 12, Outcome::failed, 0));
  EXPECT_TRUE(violations(fine, events).empty());
  for (const auto kind : {OperationKind::upsert, OperationKind::get, OperationKind::search}) {
    History late;
    late.add(operation(kind, 11, 12, Outcome::ok, 3));
    EXPECT_EQ(violations(late, events), std::vector<std::string>{"lives"});
    // Until the removal is complete it may still be answered.
    std::vector<LifeEvent> incomplete = events;
    incomplete[0].complete = false;
    EXPECT_TRUE(violations(late, incomplete).empty());
  }
}

TEST(Lives, ObjectToAnAnsweredRemovalThatIsNotCommitted) {
  EXPECT_EQ(violations({}, {event(LifeEvent::Kind::remove, 3, 7, 10)}),
            std::vector<std::string>{"lives"});
  EXPECT_EQ(violations({}, {event(LifeEvent::Kind::create, 8, 7, 10)}),
            std::vector<std::string>{"lives"});
}

TEST(Lives, ObjectWhenACollectionThatExistsIsSaidNotTo) {
  const std::vector<LifeEvent> events = {event(LifeEvent::Kind::create, 3, 12, 13)};
  History history;
  Operation early = operation(OperationKind::get, 10, 15, Outcome::failed, 0);
  early.status = Status(Code::not_found, "no", "collection");
  history.add(early);
  EXPECT_TRUE(violations(history, events).empty());
  early.invoke_order = 14;
  history.add(early);
  EXPECT_EQ(violations(history, events), std::vector<std::string>{"lives"});
}

}  // namespace
}  // namespace vectron::sim
