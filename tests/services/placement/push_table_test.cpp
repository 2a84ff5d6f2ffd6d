// Who is told what, and when nobody is.
#include "services/placement/push_table.h"

#include "tests/services/placement/state_fixture.h"

namespace vectron {

class PushTableTest : public PlacementStateTest {
 protected:
  PushTableTest() {
    for (const uint64_t node : {7, 8, 9}) register_worker(node, 1);
  }
  std::optional<PushTable::Push> begin(uint64_t node) {
    return table_.begin(NodeId(node), state_, view_, {Instant(0s), Instant(1s), 15s});
  }
  /// The workers that are told something; all confirm it.
  std::vector<uint64_t> tell_all() {
    std::vector<uint64_t> told;
    for (const auto& [node, record] : state_.workers()) {
      const auto push = begin(node.value());
      if (!push) continue;
      table_.end(node, push->said);
      told.push_back(node.value());
    }
    return told;
  }

  ClusterView view_;
  PushTable table_;
};

TEST_F(PushTableTest, TellsOnlyThoseForWhomSomethingChanged) {
  EXPECT_TRUE(tell_all().empty()) << "they hold nothing";
  EXPECT_FALSE(table_.has_news(state_, view_));
  create("a", {7, 8});
  EXPECT_TRUE(table_.has_news(state_, view_));
  EXPECT_EQ(tell_all(), (std::vector<uint64_t>{7, 8}));
  EXPECT_TRUE(tell_all().empty());
  EXPECT_FALSE(table_.has_news(state_, view_));
  create("b", {9});
  EXPECT_EQ(tell_all(), std::vector<uint64_t>{9});
  record_made({1});
  EXPECT_EQ(tell_all(), std::vector<uint64_t>{7}) << "its birth is on record";
}

TEST_F(PushTableTest, TellsAgainWhatWasNotConfirmedAndNothingMeanwhile) {
  create("a", {7});
  const auto first = begin(7);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->request.assignments.size(), 1U);
  EXPECT_EQ(first->request.revision, state_.counters().revision);
  EXPECT_FALSE(begin(7).has_value()) << "one push to a worker at a time";
  table_.end(NodeId(7), std::nullopt);
  const auto again = begin(7);
  ASSERT_TRUE(again.has_value());
  table_.end(NodeId(7), again->said);
  EXPECT_FALSE(begin(7).has_value());
  table_.forget_all();
  EXPECT_TRUE(begin(7).has_value()) << "a new term knows of nothing";
}

TEST_F(PushTableTest, TellsOfRemovalsAndOfFullMembers) {
  create("a", {7, 8});
  EXPECT_EQ(tell_all().size(), 2U);
  report(&view_, 7, 1, true, 1);
  report(&view_, 8, 2, false, 1);
  EXPECT_TRUE(tell_all().empty()) << "reports change nothing that they are told";
  view_.note_condition(NodeId(8), {.memory_full = true});
  EXPECT_EQ(tell_all(), std::vector<uint64_t>{7});
  view_.note_condition(NodeId(8), {});
  EXPECT_EQ(tell_all(), std::vector<uint64_t>{7});
  remove(1);
  const auto push = begin(7);
  ASSERT_TRUE(push.has_value());
  EXPECT_TRUE(push->request.assignments.empty());
  EXPECT_EQ(push->request.removed, std::vector<uint64_t>{1});
}

TEST_F(PushTableTest, TellsAllPeersOfAnotherAddress) {
  create("a", {7, 8});
  create("b", {9});
  EXPECT_EQ(tell_all().size(), 3U);
  register_worker(8, 2);
  EXPECT_TRUE(tell_all().empty()) << "a start alone changes no order";
  stored::PlacementCommand command;
  command.register_worker = state_.workers().at(NodeId(8));
  command.register_worker->address = "elsewhere:1";
  apply(command);
  EXPECT_EQ(tell_all(), (std::vector<uint64_t>{7, 8}));
}

}  // namespace vectron
