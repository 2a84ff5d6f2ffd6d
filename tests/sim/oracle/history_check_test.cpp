#include "sim/oracle/history_check.h"

#include <gtest/gtest.h>

namespace vectron::sim {
namespace {

/// Builds histories in the order in which the calls stand.
class Story {
 public:
  size_t begin(OperationKind kind, uint64_t id, ValueNumber value = kAbsent) {
    Operation operation;
    operation.kind = kind;
    operation.point = PointId(id);
    operation.value = kind == OperationKind::upsert ? value : kAbsent;
    return history_.begin(operation, Instant(Duration(++now_)));
  }
  void end(size_t position, Outcome outcome = Outcome::ok) {
    history_.end(position, outcome, Instant(Duration(++now_)));
  }
  size_t upsert(uint64_t id, ValueNumber value, Outcome outcome = Outcome::ok, uint64_t index = 0) {
    const size_t position = begin(OperationKind::upsert, id, value);
    if (outcome == Outcome::ok && index != 0) {
      history_.at(position).version = index;
      history_.at(position).tokens = {{.shard_id = 1, .applied_index = index}};
    }
    end(position, outcome);
    return position;
  }
  size_t remove(uint64_t id, bool existed, Outcome outcome = Outcome::ok) {
    const size_t position = begin(OperationKind::remove, id);
    history_.at(position).existed = existed;
    end(position, outcome);
    return position;
  }
  size_t get(uint64_t id, ValueNumber found, uint64_t version = 0) {
    const size_t position = begin(OperationKind::get, id);
    history_.at(position).value = found;
    history_.at(position).version = version;
    end(position);
    return position;
  }
  size_t final_get(uint64_t id, ValueNumber found) {
    const size_t position = get(id, found);
    history_.at(position).final_read = true;
    return position;
  }
  size_t eventual_get(uint64_t id, ValueNumber found) {
    const size_t position = get(id, found);
    history_.at(position).linearizable = false;
    return position;
  }
  Operation& at(size_t position) { return history_.at(position); }

  /// The oracles that object, each once, in order.
  std::vector<std::string> verdict() const {
    ViolationLog log;
    check_history(history_, &log);
    std::vector<std::string> names;
    for (const Violation& violation : log.kept()) {
      if (names.empty() || names.back() != violation.oracle) names.push_back(violation.oracle);
    }
    return names;
  }

 private:
  History history_;
  int64_t now_ = 0;
};

using Names = std::vector<std::string>;

TEST(HistoryCheck, AcceptsAGoodHistory) {
  Story story;
  story.upsert(1, 10, Outcome::ok, 4);
  story.get(1, 10, 4);
  story.remove(1, true);
  story.get(1, 0);
  story.upsert(1, 11, Outcome::unknown);
  story.upsert(2, 12, Outcome::failed);
  story.eventual_get(1, 10);
  story.final_get(1, 11);
  story.final_get(2, 0);
  EXPECT_EQ(story.verdict(), Names{});
}

TEST(HistoryCheck, KeepsPointsApart) {
  Story story;
  story.upsert(1, 10);
  story.get(2, 0);
  EXPECT_EQ(story.verdict(), Names{});
  story.get(2, 10);
  EXPECT_EQ(story.verdict(), Names{"linearizability"});
}

TEST(HistoryCheck, RefusesAReadOfWhatCertainlyFailed) {
  Story story;
  story.upsert(1, 10, Outcome::failed);
  story.get(1, 10);
  EXPECT_EQ(story.verdict(), Names{"linearizability"});
}

TEST(HistoryCheck, LeavesEventualReadsOutOfTheRegister) {
  Story story;
  story.upsert(1, 10);
  story.upsert(1, 11);
  story.eventual_get(1, 10);
  story.eventual_get(1, 0);
  EXPECT_EQ(story.verdict(), Names{});
}

TEST(HistoryCheck, RefusesEventualReadsOfTheFutureAndOfNothing) {
  Story story;
  story.eventual_get(1, 10);
  story.upsert(1, 10);
  EXPECT_EQ(story.verdict(), Names{"eventual_reads"});
  Story nothing;
  nothing.eventual_get(1, 99);
  EXPECT_EQ(nothing.verdict(), Names{"eventual_reads"});
}

TEST(HistoryCheck, FindsALostAcknowledgedWrite) {
  Story story;
  story.upsert(1, 10);
  story.upsert(1, 11);
  story.final_get(1, 10);
  EXPECT_EQ(story.verdict(), (Names{"linearizability", "acknowledged_writes"}));
}

TEST(HistoryCheck, FindsAnAcknowledgedWriteThatIsAbsent) {
  Story story;
  story.upsert(1, 10);
  story.final_get(1, 0);
  EXPECT_EQ(story.verdict(), (Names{"linearizability", "acknowledged_writes"}));
}

TEST(HistoryCheck, FindsARemovedPointThatIsBack) {
  Story story;
  story.upsert(1, 10);
  story.remove(1, true);
  story.final_get(1, 10);
  EXPECT_EQ(story.verdict(), (Names{"linearizability", "acknowledged_writes"}));
}

TEST(HistoryCheck, LetsAConcurrentOrUnknownWriteExplainTheFinalState) {
  Story concurrent;
  const size_t first = concurrent.begin(OperationKind::upsert, 1, 10);
  concurrent.upsert(1, 11);
  concurrent.end(first);
  concurrent.final_get(1, 10);
  EXPECT_EQ(concurrent.verdict(), Names{});
  Story unknown;
  unknown.remove(1, false, Outcome::unknown);
  unknown.upsert(1, 10);
  unknown.final_get(1, 0);
  EXPECT_EQ(unknown.verdict(), Names{});
}

TEST(HistoryCheck, FindsOneVersionWithTwoValues) {
  Story story;
  story.upsert(1, 10, Outcome::ok, 5);
  story.upsert(1, 11, Outcome::ok, 5);
  EXPECT_EQ(story.verdict(), Names{"versions"});
}

TEST(HistoryCheck, FindsALinearizableAnswerFromBeforeAnAcknowledgedWrite) {
  Story story;
  story.upsert(1, 10, Outcome::ok, 5);
  const size_t get = story.get(2, 0);
  story.at(get).tokens = {{.shard_id = 1, .applied_index = 4}};
  EXPECT_EQ(story.verdict(), Names{"read_freshness"});
  story.at(get).tokens = {{.shard_id = 1, .applied_index = 5}};
  EXPECT_EQ(story.verdict(), Names{});
  story.at(get).tokens = {{.shard_id = 2, .applied_index = 1}};
  EXPECT_EQ(story.verdict(), Names{});
}

TEST(HistoryCheck, DoesNotAskFreshnessOfWhatBeganBeforeTheAcknowledgement) {
  Story story;
  const size_t read = story.begin(OperationKind::get, 2);
  story.upsert(1, 10, Outcome::ok, 5);
  story.at(read).tokens = {{.shard_id = 1, .applied_index = 3}};
  story.end(read);
  EXPECT_EQ(story.verdict(), Names{});
}

}  // namespace
}  // namespace vectron::sim
