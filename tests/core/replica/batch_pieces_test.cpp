#include "core/replica/batch_pieces.h"

#include <gtest/gtest.h>

#include "core/raft/types.h"
#include "core/replica/replica_config.h"
#include "core/rpc/message_bounds.h"

namespace vectron {
namespace {

wire::RaftMessage append_of(uint64_t group, uint64_t previous, size_t entries, size_t entry_bytes) {
  wire::RaftMessage message;
  message.group_id = group;
  message.kind = static_cast<uint8_t>(raft::MessageKind::append);
  message.from = 2;
  message.to = 1;
  message.term = 9;
  message.index = previous;
  message.log_term = 3;
  message.commit_index = previous + entries;
  for (size_t i = 1; i <= entries; ++i) {
    message.entries.push_back({4 + i % 2, previous + i, 0, Bytes(entry_bytes, uint8_t(i))});
  }
  return message;
}

wire::RaftBatch batch_of(size_t messages, size_t entries_each, size_t entry_bytes) {
  wire::RaftBatch batch;
  for (size_t i = 0; i < messages; ++i) {
    batch.messages.push_back(append_of(i, 10, entries_each, entry_bytes));
  }
  return batch;
}

TEST(BatchPieces, ABatchFitsInATurnWhenANodeOfTodayWouldSendIt) {
  EXPECT_TRUE(fits_in_a_turn(batch_of(1, 1, kLogEntryBytesMax)));
  EXPECT_LE(encode(batch_of(1, 1, kLogEntryBytesMax)).size(), rpc::kOneWayBytesMax);
  EXPECT_TRUE(fits_in_a_turn(batch_of(1, 4, kAppendBytesMax / 4 - raft::kEntryOverheadBytes)));
  EXPECT_TRUE(fits_in_a_turn(batch_of(512, 0, 0)));
  EXPECT_FALSE(fits_in_a_turn(batch_of(641, 0, 0))) << "each may be of a group that is here";
  EXPECT_FALSE(fits_in_a_turn(batch_of(1, 2, kLogEntryBytesMax / 2)));
  EXPECT_FALSE(fits_in_a_turn(batch_of(2, 1, kLogEntryBytesMax / 2)));
  EXPECT_FALSE(fits_in_a_turn(batch_of(1, 10'000, 0)));
  EXPECT_FALSE(fits_in_a_turn(batch_of(10'000, 0, 0)));
}

// In whatever way the 8 MiB that nodes of before sent are encoded.
TEST(BatchPieces, WhatNodesOfBeforeSentFitsIntoAMessage) {
  constexpr size_t kBefore = 8 << 20;
  for (const wire::RaftBatch& batch :
       {batch_of(1, 1, kBefore), batch_of(1, kBefore / raft::kEntryOverheadBytes - 2, 0),
        batch_of(kBefore / kMessageCostBytes, 0, 0),
        batch_of(8, 1'000, kBefore / 8'000 - raft::kEntryOverheadBytes - 1)}) {
    EXPECT_LE(batch_bytes(batch), kBatchBytesTaken);
    EXPECT_LE(encode(batch).size(), rpc::kOneWayBytesTaken);
  }
}

TEST(BatchPieces, AnAppendBecomesSeveralThatSayTheSame) {
  wire::RaftBatch batch;
  batch.messages = {append_of(1, 7, 0, 0), append_of(2, 100, 3'000, 300),
                    append_of(3, 10, 1, 2 << 20), append_of(4, 0, 2, 10)};
  const wire::RaftBatch whole = batch;
  const std::vector<wire::RaftBatch> pieces = in_pieces(std::move(batch));
  EXPECT_GE(pieces.size(), 5U);
  std::map<uint64_t, std::vector<wire::RaftEntry>> entries;
  std::vector<uint64_t> groups;
  for (const wire::RaftBatch& piece : pieces) {
    EXPECT_TRUE(fits_in_a_turn(piece));
    for (const wire::RaftMessage& message : piece.messages) {
      if (groups.empty() || groups.back() != message.group_id) groups.push_back(message.group_id);
      const wire::RaftMessage& from = whole.messages[message.group_id - 1];
      std::vector<wire::RaftEntry>& before = entries[message.group_id];
      EXPECT_EQ(message.index, from.index + before.size());
      EXPECT_EQ(message.log_term, before.empty() ? from.log_term : before.back().term);
      EXPECT_EQ(message.commit_index, from.commit_index);
      EXPECT_EQ(message.term, from.term);
      before.insert(before.end(), message.entries.begin(), message.entries.end());
    }
  }
  EXPECT_EQ(groups, (std::vector<uint64_t>{1, 2, 3, 4}));
  for (const wire::RaftMessage& message : whole.messages) {
    EXPECT_EQ(entries[message.group_id], message.entries);
  }
}

}  // namespace
}  // namespace vectron
