#include "core/raft/types.h"

#include <gtest/gtest.h>

#include "core/raft/config.h"

namespace vectron::raft {
namespace {

Message append(uint64_t term, uint64_t previous, uint64_t previous_term,
               const std::vector<uint64_t>& terms) {
  Message message{.kind = MessageKind::append,
                  .from = ReplicaId(1),
                  .to = ReplicaId(2),
                  .term = Term(term),
                  .index = LogIndex(previous),
                  .log_term = Term(previous_term)};
  for (uint64_t entry_term : terms)
    message.entries.push_back({.term = Term(entry_term), .index = LogIndex(++previous)});
  return message;
}

TEST(RaftMessage, IsWellFormedWhenItsPartsFit) {
  EXPECT_TRUE(is_well_formed(append(3, 4, 2, {2, 3, 3})));
  EXPECT_TRUE(is_well_formed(append(1, 0, 0, {})));
}

TEST(RaftMessage, IsMalformedWithEntriesOfTheFutureOrFallingTerms) {
  EXPECT_FALSE(is_well_formed(append(3, 4, 2, {4})));
  EXPECT_FALSE(is_well_formed(append(3, 4, 2, {3, 2})));
  EXPECT_FALSE(is_well_formed(append(3, 4, 3, {2})));
  EXPECT_FALSE(is_well_formed(append(3, 4, 9, {})));
}

TEST(RaftMessage, IsMalformedWithAGap) {
  Message message = append(3, 4, 2, {2, 2});
  message.entries[1].index = LogIndex(9);
  EXPECT_FALSE(is_well_formed(message));
}

TEST(RaftMessage, IsMalformedWithoutSenderReceiverTermOrKind) {
  const Message good = append(3, 4, 2, {});
  Message message = good;
  message.from = ReplicaId();
  EXPECT_FALSE(is_well_formed(message));
  message = good;
  message.to = ReplicaId();
  EXPECT_FALSE(is_well_formed(message));
  message = good;
  message.term = Term();
  EXPECT_FALSE(is_well_formed(message));
  message = good;
  message.kind = static_cast<MessageKind>(kMessageKindCount);
  EXPECT_FALSE(is_well_formed(message));
}

TEST(RaftMessage, CarriesEntriesOnlyInAnAppend) {
  Message message = append(3, 4, 2, {2});
  message.kind = MessageKind::heartbeat;
  EXPECT_FALSE(is_well_formed(message));
}

TEST(RaftMembership, TellsVotersFromLearners) {
  const Membership membership{.voters = {ReplicaId(1), ReplicaId(3)}, .learners = {ReplicaId(2)}};
  EXPECT_TRUE(membership.is_voter(ReplicaId(3)));
  EXPECT_FALSE(membership.is_voter(ReplicaId(2)));
  EXPECT_TRUE(membership.contains(ReplicaId(2)));
  EXPECT_FALSE(membership.contains(ReplicaId(4)));
}

TEST(RaftNames, AreDistinct) {
  for (uint8_t a = 0; a < kMessageKindCount; ++a) {
    EXPECT_NE(to_string(static_cast<MessageKind>(a)), "invalid");
    for (uint8_t b = 0; b < a; ++b)
      EXPECT_NE(to_string(static_cast<MessageKind>(a)), to_string(static_cast<MessageKind>(b)));
  }
}

TEST(RaftConfig, IsValidByDefault) {
  EXPECT_TRUE(Config{.self = ReplicaId(1)}.validate().has_value());
}

TEST(RaftConfig, NamesTheFieldAtFault) {
  const auto field_of = [](auto change) {
    Config config{.self = ReplicaId(1)};
    change(config);
    const Result<void> valid = config.validate();
    return valid.has_value() ? std::string() : valid.error().field();
  };
  EXPECT_EQ(field_of([](Config& c) { c.self = ReplicaId(); }), "self");
  EXPECT_EQ(field_of([](Config& c) { c.heartbeat_ticks = 0; }), "heartbeat_ticks");
  EXPECT_EQ(field_of([](Config& c) { c.election_ticks = 1; }), "election_ticks");
  EXPECT_EQ(field_of([](Config& c) { c.append_bytes_max = 0; }), "append_bytes_max");
  EXPECT_EQ(field_of([](Config& c) { c.inflight_messages_max = 0; }), "inflight_messages_max");
  EXPECT_EQ(field_of([](Config& c) { c.inflight_bytes_max = 1; }), "inflight_bytes_max");
  EXPECT_EQ(field_of([](Config& c) { c.uncommitted_bytes_max = 0; }), "uncommitted_bytes_max");
  EXPECT_EQ(field_of([](Config& c) { c.apply_bytes_max = 0; }), "apply_bytes_max");
  EXPECT_EQ(field_of([](Config& c) { c.log_bytes_max = 1; }), "log_bytes_max");
  EXPECT_EQ(field_of([](Config& c) { c.pending_reads_max = 0; }), "pending_reads_max");
}

}  // namespace
}  // namespace vectron::raft
