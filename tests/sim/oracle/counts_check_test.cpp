#include "sim/oracle/counts_check.h"

#include <gtest/gtest.h>

#include "schemas/storage_messages.h"
#include "sim/history/value.h"

namespace vectron::sim {
namespace {

/// A shard that `points` were written to, of which the first was deleted again.
ShardModel model_of(uint64_t points) {
  std::vector<raft::Payload> entries;
  for (uint64_t id = 1; id <= points; ++id) {
    stored::ShardOperation put;
    put.id.number = id;
    put.vectors = {{.name = "", .values = vector_of_value(id, 4)}};
    put.payload = payload_of_value(id);
    stored::ShardCommand command;
    command.operations = {std::move(put)};
    entries.push_back(raft::make_payload(encode(command)));
  }
  stored::ShardOperation remove;
  remove.kind = stored::OperationKind::remove;
  remove.id.number = 1;
  stored::ShardCommand command;
  command.operations = {std::move(remove)};
  entries.push_back(raft::make_payload(encode(command)));
  auto model = ShardModel::build(entries, index::Metric::euclidean);
  EXPECT_TRUE(model.has_value()) << model.error().to_string();
  return *std::move(model);
}

/// Two shards with 4 and 6 points, and a removed collection with one shard.
class CountsCheck : public ::testing::Test {
 protected:
  CountsCheck() : collections_(2) {
    collections_[0].shards.emplace(9, model_of(3));
    collections_[1].shards.emplace(1, model_of(5));
    collections_[1].shards.emplace(2, model_of(7));
  }
  std::vector<std::string> objections() {
    ViolationLog log;
    check_counts(std::vector{seen_}, collections_, &log);
    std::vector<std::string> kinds;
    for (const Violation& violation : log.kept()) {
      EXPECT_EQ(violation.oracle, oracle::kCounts);
      kinds.push_back(violation.kind);
    }
    return kinds;
  }
  std::vector<CollectionModel> collections_;
  CountsSeen seen_{.collection = "books",
                   .at = {},
                   .ready = true,
                   .settled = false,
                   .points = 10,
                   .indexed = 5,
                   .shards = {{1, 4, 4}, {2, 6, 1}}};
};

using Kinds = std::vector<std::string>;

TEST_F(CountsCheck, ObjectsToPointsThatAreNeverIndexed) {
  EXPECT_TRUE(objections().empty());
  seen_.settled = true;
  EXPECT_EQ(objections(), (std::vector<std::string>{"shard"}));
  seen_.shards[1].indexed = 6;
  seen_.indexed = 10;
  EXPECT_TRUE(objections().empty());
}

TEST_F(CountsCheck, HasNothingAgainstRightCounts) {
  EXPECT_EQ(objections(), Kinds());
}

TEST_F(CountsCheck, SeesACountThatLags) {
  seen_.shards[1].points = 5;
  seen_.points = 9;
  EXPECT_EQ(objections(), Kinds{"shard"});
}

TEST_F(CountsCheck, SeesThatADeletionIsNotCounted) {
  seen_.shards[0].points = 5;
  seen_.points = 11;
  EXPECT_EQ(objections(), Kinds{"shard"});
}

TEST_F(CountsCheck, SeesMoreIndexedThanThereIs) {
  seen_.shards[1].indexed = 7;
  seen_.indexed = 11;
  EXPECT_EQ(objections(), Kinds{"shard"});
}

TEST_F(CountsCheck, SeesAWrongSum) {
  seen_.points = 9;
  EXPECT_EQ(objections(), Kinds{"sum"});
  seen_.points = 10;
  seen_.indexed = 6;
  EXPECT_EQ(objections(), Kinds{"sum"});
}

TEST_F(CountsCheck, SeesWhatIsNotReadyAndWhatWasNeverMade) {
  seen_.ready = false;
  EXPECT_EQ(objections(), Kinds{"ready"});
  seen_.ready = true;
  seen_.shards[0].shard_id = 77;
  EXPECT_EQ(objections(), Kinds{"shard"});
}

}  // namespace
}  // namespace vectron::sim
