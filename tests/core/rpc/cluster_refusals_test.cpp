#include "core/rpc/cluster_refusals.h"

#include <gtest/gtest.h>

namespace vectron::rpc {
namespace {

const Status kRefusal(Code::failed_precondition, "another cluster", "cluster");

TEST(ClusterRefusals, AskForEveryNode) {
  ClusterRefusals refusals(2);
  EXPECT_FALSE(refusals.by_all());
  refusals.note(1, kRefusal);
  refusals.note(1, kRefusal);
  EXPECT_FALSE(refusals.by_all());
  refusals.note(0, kRefusal);
  EXPECT_TRUE(refusals.by_all());
}

TEST(ClusterRefusals, ForgetWhatANodeSaysNoMore) {
  ClusterRefusals refusals(1);
  refusals.note(0, kRefusal);
  refusals.note(0, Status());
  EXPECT_FALSE(refusals.by_all());
  refusals.note(0, kRefusal);
  refusals.note(0, Status(Code::unavailable, "away"));
  EXPECT_FALSE(refusals.by_all());
}

TEST(ClusterRefusals, NobodyAskedIsNobodyRefusing) {
  EXPECT_FALSE(ClusterRefusals(0).by_all());
}

}  // namespace
}  // namespace vectron::rpc
