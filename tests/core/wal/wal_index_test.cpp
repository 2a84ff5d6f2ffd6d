#include "core/wal/wal_index.h"

#include <gtest/gtest.h>

#include "tests/core/wal/wal_test_log.h"

namespace vectron {
namespace {

// A log that kept entries below its base could not be opened again: they leave a gap behind them.
TEST(WalIndex, EntriesUpToTheBaseAreNotTaken) {
  WalIndex index;
  index.apply(mark_batch(1, 1, 5, 2), 1, false);
  index.apply(entries_batch(1, 4, 4, 2, "x"), 2, false);
  EXPECT_TRUE(index.check_contiguous().has_value());
  const WalGroupState state = index.groups().at(GroupId(1));
  EXPECT_EQ(texts(state.entries), (std::vector<std::string>{"6@2:x", "7@2:x"}));
  EXPECT_EQ(state.mark->meta.index, LogIndex(5));
  // What is written again of an old segment says nothing of them either.
  index.apply(entries_batch(1, 2, 4, 1, "old"), 3, true);
  EXPECT_TRUE(index.check_contiguous().has_value());
  EXPECT_EQ(index.live_bytes(3), 0u);
}

}  // namespace
}  // namespace vectron
