#include "sim/oracle/graph_walk.h"

#include <gtest/gtest.h>

namespace vectron::sim {
namespace {

// 0 and 1 lead to one another; 2 is a copy of 1; 3 leads to 0, and nothing leads to it.
GraphSight sample() {
  GraphSight graph;
  graph.dimension = 8;
  graph.entry = 0;
  graph.links = {{1}, {0}, {}, {0}};
  graph.found_at = {0, 1, 1, 3};
  graph.live = {0, 1, 2};
  return graph;
}

TEST(GraphWalk, CountsWhatNothingLeadsTo) {
  GraphSight graph = sample();
  EXPECT_EQ(points_out_of_reach(graph), 1u) << "the node 3, which is dead";
  graph.links[1].push_back(3);
  EXPECT_EQ(points_out_of_reach(graph), 0u);
  graph.live.push_back(3);
  EXPECT_EQ(points_out_of_reach(graph), 0u);
  graph.links[0].clear();
  EXPECT_EQ(points_out_of_reach(graph), 3u) << "two nodes, and a copy of one";
}

TEST(GraphWalk, CountsLivePointsThatAreNeitherNodesNorCopies) {
  GraphSight graph = sample();
  graph.links[1].push_back(3);
  graph.found_at[2] = GraphSight::kNone;
  EXPECT_EQ(points_out_of_reach(graph), 1u);
}

TEST(GraphWalk, FindsNothingWhereThereIsNoEntry) {
  GraphSight graph = sample();
  graph.entry = GraphSight::kNone;
  EXPECT_EQ(points_out_of_reach(graph), 4u);
  EXPECT_EQ(points_out_of_reach(GraphSight()), 0u);
}

TEST(GraphWalk, LeavesOutInnerProductsOfMoreThanFourComponents) {
  GraphSight graph = sample();
  EXPECT_TRUE(must_reach_all(graph));
  graph.by_inner_product = true;
  EXPECT_FALSE(must_reach_all(graph));
  graph.dimension = 4;
  EXPECT_TRUE(must_reach_all(graph));
}

}  // namespace
}  // namespace vectron::sim
