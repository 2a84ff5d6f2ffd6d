#include "core/raft/message_check.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/raft/raft.h"
#include "core/raft/raft_invariants.h"

namespace vectron::raft {
namespace {

const Membership kMembership{.voters = {ReplicaId(1), ReplicaId(2), ReplicaId(3)},
                             .learners = {ReplicaId(4)}};

Message message_of(MessageKind kind) {
  return {.kind = kind, .from = ReplicaId(1), .to = ReplicaId(2), .term = Term(5)};
}

Message append_of(uint64_t index, uint64_t log_term, std::vector<Entry> entries = {}) {
  Message message = message_of(MessageKind::append);
  message.index = LogIndex(index);
  message.log_term = Term(log_term);
  message.entries = std::move(entries);
  return message;
}

Result<void> check(const Message& message) {
  return check_message(message,
                       {.self = ReplicaId(2), .term = Term(5), .membership = &kMembership});
}

void expect_refused(const Message& message, Code code, std::string_view field) {
  const Result<void> checked = check(message);
  ASSERT_FALSE(checked.has_value()) << field;
  EXPECT_EQ(checked.error().code(), code) << field;
  EXPECT_EQ(checked.error().field(), field);
}

TEST(MessageCheck, LetsThroughWhatARightMemberSends) {
  EXPECT_TRUE(check(append_of(0, 0)).has_value());
  EXPECT_TRUE(check(append_of(3, 2, {{.term = Term(5), .index = LogIndex(4)}})).has_value());
  EXPECT_TRUE(check(message_of(MessageKind::heartbeat)).has_value());
  Message reply = message_of(MessageKind::append_reply);
  reply.from = ReplicaId(4);
  EXPECT_TRUE(check(reply).has_value());
  Message vote = message_of(MessageKind::vote);
  vote.term = Term(5 + kTermLeapMax);
  EXPECT_TRUE(check(vote).has_value());
}

TEST(MessageCheck, RefusesTheWrongEnds) {
  Message message = message_of(MessageKind::heartbeat);
  message.term = Term(6);
  message.from = ReplicaId(2);  // From itself: it would follow itself.
  expect_refused(message, Code::failed_precondition, "from");
  message.from = ReplicaId(9);
  expect_refused(message, Code::failed_precondition, "from");
  message.from = ReplicaId(4);  // A learner leads nobody.
  expect_refused(message, Code::failed_precondition, "from");
  message.from = ReplicaId(1);
  message.to = ReplicaId(3);
  expect_refused(message, Code::failed_precondition, "to");
}

TEST(MessageCheck, RefusesWhatIsOutOfReach) {
  Message message = message_of(MessageKind::heartbeat);
  for (const uint64_t term : {5 + kTermLeapMax + 1, kTermMax + 1, UINT64_MAX}) {
    message.term = Term(term);
    expect_refused(message, Code::out_of_range, "term");
  }
  message.term = Term(5);
  message.commit_index = LogIndex(UINT64_MAX);
  expect_refused(message, Code::out_of_range, "commit_index");
  // Its first entry would have index 0.
  expect_refused(append_of(UINT64_MAX, 5, {{.term = Term(5), .index = LogIndex(0)}}),
                 Code::out_of_range, "index");
}

TEST(MessageCheck, RefusesPositionsThatNoLogHas) {
  expect_refused(append_of(0, 4), Code::invalid_argument, "log_term");
  expect_refused(append_of(4, 0), Code::invalid_argument, "log_term");
  Message vote = message_of(MessageKind::vote);
  vote.index = LogIndex(3);
  expect_refused(vote, Code::invalid_argument, "log_term");
  Message reply = message_of(MessageKind::append_reply);
  reply.rejected = true;
  reply.index = LogIndex(3);
  reply.hint_index = LogIndex(4);
  reply.hint_term = Term(1);
  expect_refused(reply, Code::invalid_argument, "hint_index");
}

TEST(MessageCheck, RefusesEntriesThatNobodyProposes) {
  expect_refused(append_of(0, 0, {{.term = Term(0), .index = LogIndex(1)}}), Code::invalid_argument,
                 "entries.term");
  expect_refused(
      append_of(0, 0, {{.term = Term(5), .index = LogIndex(1), .kind = EntryKind::membership}}),
      Code::invalid_argument, "entries.kind");
  expect_refused(append_of(0, 0,
                           {{.term = Term(5),
                             .index = LogIndex(1),
                             .kind = EntryKind::noop,
                             .data = make_payload(Bytes(3, 1))}}),
                 Code::invalid_argument, "entries.data");
}

/// A member as the replica layer drives it: whatever comes out is done at once.
class Driven {
 public:
  explicit Driven(uint64_t self)
      : raft_(config_of(self), HardState(), SnapshotMeta{.membership = kMembership}, {},
              LogIndex()) {}

  void pump() {
    while (raft_.has_ready()) {
      Ready ready = raft_.ready();
      // What was stored can be taken up again only while the term and the commit index grow.
      RC_ASSERT(raft_.term() >= term_);
      term_ = raft_.term();
      if (ready.persist.must_sync()) raft_.persisted(ready.persist.sequence);
      if (ready.persist.snapshot) raft_.applied_to(ready.persist.snapshot->index);
      if (!ready.committed.empty()) raft_.applied_to(ready.committed.back().index);
      RC_ASSERT(!RaftInvariants::violation(raft_).has_value());
    }
  }
  Raft& raft() { return raft_; }

 private:
  static Config config_of(uint64_t self) {
    Config config;
    config.self = ReplicaId(self);
    config.log_bytes_max = 4096;
    config.uncommitted_bytes_max = 2048;
    return config;
  }
  Raft raft_;
  Term term_;
};

/// Numbers as a forger draws them: near what there is, and the ends of the range.
uint64_t forged_number() {
  const uint64_t pick = *rc::gen::inRange<uint64_t>(0, 20);
  if (pick < 17) return pick % 7;
  const std::vector<uint64_t> ends = {UINT64_MAX, UINT64_MAX - 1, kTermMax, kTermLeapMax, 1000};
  return *rc::gen::elementOf(ends);
}

Message forged_message() {
  Message message;
  message.kind = static_cast<MessageKind>(*rc::gen::inRange<int>(0, kMessageKindCount));
  message.from = ReplicaId(*rc::gen::inRange<uint64_t>(0, 6));
  message.to = ReplicaId(*rc::gen::weightedElement<uint64_t>({{9, 1}, {1, 2}}));
  message.term = Term(forged_number());
  message.index = LogIndex(forged_number());
  message.log_term = Term(forged_number());
  message.commit_index = LogIndex(forged_number());
  message.rejected = *rc::gen::arbitrary<bool>();
  message.hint_index = LogIndex(forged_number());
  message.hint_term = Term(forged_number());
  message.context = forged_number();
  message.transfer = *rc::gen::arbitrary<bool>();
  if (message.kind == MessageKind::append) {
    const uint64_t count = *rc::gen::inRange<uint64_t>(0, 4);
    for (uint64_t i = 1; i <= count; ++i) {
      message.entries.push_back({.term = Term(std::max(message.log_term.value(), forged_number())),
                                 .index = message.index + i});
    }
  }
  if (message.kind == MessageKind::install_snapshot) {
    message.snapshot = {.index = LogIndex(forged_number()),
                        .term = Term(forged_number()),
                        .membership = kMembership};
  }
  return message;
}

RC_GTEST_PROP(MessageCheck, LeavesNothingThatEndsAMember, ()) {
  Driven member(1);
  const int steps = *rc::gen::inRange(1, 60);
  for (int i = 0; i < steps; ++i) {
    switch (*rc::gen::inRange(0, 8)) {
      case 0:
        member.raft().tick();
        break;
      case 1:
        member.raft().campaign();
        break;
      case 2:
        (void)member.raft().propose(Bytes(10, 1));
        break;
      default:
        member.raft().step(forged_message());
    }
    // As often as not several messages come in one frame.
    if (*rc::gen::arbitrary<bool>()) member.pump();
  }
  member.pump();
  RC_ASSERT(member.raft().term().value() <= steps * (kTermLeapMax + 1));
  RC_ASSERT(member.raft().log().bytes() <= 3 * 4096u);
}

TEST(MessageCheck, KeepsATermThatIsFarOffFromTheDisk) {
  Driven member(1);
  Message message = message_of(MessageKind::vote);
  message.from = ReplicaId(2);
  message.to = ReplicaId(1);
  message.term = Term(UINT64_MAX);
  member.raft().step(message);
  EXPECT_FALSE(member.raft().has_ready());
  EXPECT_EQ(member.raft().term(), Term());
}

TEST(MessageCheck, AnAppendAfterNothingWithATermIsDropped) {
  Driven member(1);
  Message message = append_of(0, 4);
  message.from = ReplicaId(2);
  message.to = ReplicaId(1);
  member.raft().step(message);
  EXPECT_FALSE(member.raft().has_ready());
}

}  // namespace
}  // namespace vectron::raft
