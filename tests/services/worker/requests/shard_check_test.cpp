// What a shard takes of the entries that another node sends: ShardState::check().
#include <gtest/gtest.h>

#include "services/worker/shard_state.h"
#include "services/worker/stored_check.h"
#include "tests/support/memory_env.h"

namespace vectron {
namespace {

class ShardCheck : public ::testing::Test {
 protected:
  static ShardOptions options() {
    ShardOptions options;
    options.dimension = 3;
    return options;
  }
  static stored::ShardCommand upserts(size_t count, size_t dimension) {
    stored::ShardCommand command;
    for (size_t i = 0; i < count; ++i) {
      stored::ShardOperation operation;
      operation.kind = stored::OperationKind::upsert;
      operation.id.number = i;
      operation.vectors.resize(1);
      operation.vectors[0].values.assign(dimension, 1.0f);
      command.operations.push_back(std::move(operation));
    }
    return command;
  }
  std::string refused_field(const stored::ShardCommand& command, size_t commit_bytes_max) {
    const auto checked = state_.check(encode(command), commit_bytes_max);
    return checked.has_value() ? "none" : checked.error().field();
  }

  MemoryEnv env_;
  ShardState state_{&env_, options()};
};

TEST_F(ShardCheck, TakesVectorsOfItsOwnDimensionAlone) {
  EXPECT_EQ(refused_field(upserts(2, 3), 1 << 20), "none");
  EXPECT_EQ(refused_field(upserts(2, 4), 1 << 20), "vectors");
  EXPECT_EQ(refused_field(upserts(2, 2), 1 << 20), "vectors");
  stored::ShardCommand without = upserts(1, 3);
  without.operations[0].vectors.clear();
  EXPECT_EQ(refused_field(without, 1 << 20), "vectors");
  without.operations[0].kind = stored::OperationKind::remove;
  EXPECT_EQ(refused_field(without, 1 << 20), "none");
}

TEST_F(ShardCheck, TakesNoCommandWhoseRowsCouldExceedACommit) {
  const stored::ShardCommand command = upserts(100, 3);
  EXPECT_EQ(refused_field(command, stored_bytes_max(command) - 1), "operations");
  EXPECT_EQ(refused_field(command, stored_bytes_max(command)), "none");
}

// A log may be older than the bounds of what is proposed today.
TEST_F(ShardCheck, TakesWhatMembersOfBeforeProposedAndNoMore) {
  constexpr size_t kCommitBytes = 64 << 20;
  EXPECT_EQ(refused_field(upserts(kWriteOperationsMax + 1, 3), kCommitBytes), "none");
  EXPECT_EQ(refused_field(upserts(kWriteOperationsOfBefore, 3), kCommitBytes), "none");
  EXPECT_EQ(refused_field(upserts(kWriteOperationsOfBefore + 1, 3), kCommitBytes), "operations");
  stored::ShardCommand large = upserts(2, 3);
  large.operations[0].payload.resize(kWriteBytesMax);
  EXPECT_EQ(refused_field(large, kCommitBytes), "none");
  large.operations[0].payload.resize(kWriteBytesOfBefore);
  EXPECT_EQ(refused_field(large, kCommitBytes), "operations");
}

TEST_F(ShardCheck, TakesNothingThatIsNoCommand) {
  EXPECT_FALSE(state_.check(Bytes{1, 2, 3}, 1 << 20).has_value());
  stored::ShardCommand newer = upserts(1, 3);
  newer.header.schema_version = 1'000;
  EXPECT_EQ(refused_field(newer, 1 << 20), "schema_version");
}

}  // namespace
}  // namespace vectron
