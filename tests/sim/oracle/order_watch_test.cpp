#include "sim/oracle/order_watch.h"

#include <gtest/gtest.h>

namespace vectron::sim {
namespace {

class OrderWatchTest : public ::testing::Test {
 protected:
  static ReplicaName name(uint64_t replica, uint64_t node) {
    return {.group = GroupId(9), .replica = ReplicaId(replica), .node = NodeId(node)};
  }
  std::string verdict() const { return log_.empty() ? "" : log_.kept()[0].kind; }

  ViolationLog log_;
  OrderWatch watch_{[] { return Instant(); }, &log_};
};

TEST_F(OrderWatchTest, TakesOrdersThatAreAsNewAsAllBefore) {
  watch_.obeyed(NodeId(1), {.lineage = 7, .revision = 5});
  watch_.obeyed(NodeId(1), {.lineage = 7, .revision = 5});
  watch_.obeyed(NodeId(1), {.lineage = 7, .revision = 6});
  watch_.obeyed(NodeId(2), {.lineage = 7, .revision = 4});
  watch_.obeyed(NodeId(1), {.lineage = 8, .revision = 1});
  EXPECT_EQ(verdict(), "");
}

TEST_F(OrderWatchTest, ObjectsToAnOlderOrder) {
  watch_.obeyed(NodeId(1), {.lineage = 7, .revision = 6});
  watch_.obeyed(NodeId(1), {.lineage = 7, .revision = 5});
  EXPECT_EQ(verdict(), "older");
}

TEST_F(OrderWatchTest, ObjectsToAnOrderOfAnotherLineageWhereCopiesAre) {
  watch_.obeyed(NodeId(1), {.lineage = 7, .revision = 6});
  watch_.born(name(3, 1));
  watch_.removed(name(3, 1));
  watch_.obeyed(NodeId(1), {.lineage = 8, .revision = 1});
  watch_.born(name(4, 1));
  EXPECT_EQ(verdict(), "");
  watch_.obeyed(NodeId(1), {.lineage = 7, .revision = 9});
  EXPECT_EQ(verdict(), "lineage");
}

TEST_F(OrderWatchTest, ObjectsToACopyThatIsMadeAgainWhereItWasRemoved) {
  watch_.born(name(3, 1));
  watch_.born(name(3, 1));  // A birth that failed is tried again.
  watch_.removed(name(3, 1));
  watch_.born(name(4, 1));
  watch_.born(name(3, 2));
  EXPECT_EQ(verdict(), "");
  watch_.born(name(3, 1));
  EXPECT_EQ(verdict(), "born_again");
}

}  // namespace
}  // namespace vectron::sim
