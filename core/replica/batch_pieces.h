// Batches of Raft messages by what looking at them takes, and those that take longer than a turn of
// the event loop in pieces that do not.
//
// Only nodes of before these bounds send larger batches; a cluster whose nodes are upgraded one
// after the other has both.
#pragma once

#include <vector>

#include "schemas/raft_rpc.h"

namespace vectron {

/// A batch takes no further message when it would be larger: it is encoded in one turn of an
/// event loop, and looked at in one turn of another.
inline constexpr size_t kBatchBytesMax = 256 << 10;
/// What a receiver looks at in one turn, unless that is one entry: a message more than is sent.
inline constexpr size_t kBatchBytesPerTurn = 320 << 10;
/// What it takes at all: nodes of before sent 8 MiB, or one entry of as much.
inline constexpr size_t kBatchBytesTaken = (8 << 20) + (64 << 10);
/// What a message counts for besides its entries: 512 of them, heartbeats of as many groups, are a
/// full batch.
inline constexpr size_t kMessageCostBytes = 512;

size_t batch_bytes(const wire::RaftBatch& batch);

/// Whether a batch is looked at in one turn, of so many bytes: it is small, or one entry.
bool fits_in_a_turn(const wire::RaftBatch& batch, size_t turn_bytes = kBatchBytesPerTurn);

/// The messages of `batch` in their order, in batches of at most `piece_bytes`, or one entry. An
/// append becomes several where it must, as if its sender had a smaller bound. (What no right
/// member sends, other messages with many entries, stays as it is.)
std::vector<wire::RaftBatch> in_pieces(wire::RaftBatch batch, size_t piece_bytes = kBatchBytesMax);

}  // namespace vectron
