// The file of a graph checkpoint: which point each slot was, and the links of the graph. No
// vectors: those are in the store.
//
// A header, then blocks of bounded size, the last of kind `end`; each has a checksum that the
// header's identity goes into, so a block of another file is damage too. Drawn byte by byte in
// docs/internals/graph_checkpoints.md. Pure: bytes in, bytes out; services/worker/checkpoint_file.h
// does the I/O.
#pragma once

#include <memory>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/result.h"
#include "core/index/index_restore.h"
#include "services/worker/shard_content.h"

namespace vectron {

/// 2: identical vectors share a node, and ties are spread. A graph of version 1 has neither, and no
/// mending gives it that: it is learnt anew.
inline constexpr uint32_t kCheckpointVersion = 2;
inline constexpr size_t kCheckpointHeaderBytes = 96;
inline constexpr size_t kCheckpointBlockHeadBytes = 24;
/// Of a block's payload. A writer ends a block at about kCheckpointBlockBytes.
inline constexpr size_t kCheckpointBlockBytesMax = 4 << 20;
inline constexpr size_t kCheckpointBlockBytes = 256 << 10;
/// Slots that are looked at together before a block's size is asked for again.
inline constexpr uint32_t kCheckpointStepSlots = 64;

/// Whose checkpoint it is, and of what. Only the very same takes it up.
struct CheckpointIdentity {
  GroupId group;
  ReplicaId replica;
  uint64_t generation = 0;
  index::ShardIndexOptions options;
};

struct CheckpointHeader {
  CheckpointIdentity identity;
  /// The state that the rows are.
  LogIndex applied_index;
  /// Rows.
  index::Slot slots = 0;
};

enum class CheckpointBlockKind : uint32_t {
  /// The next rows, by slot.
  rows = 1,
  /// The links of the next slots; after all rows.
  links = 2,
  /// Totals; the last.
  end = 3,
};

Bytes encode_checkpoint_header(const CheckpointHeader& header);

/// Appends the rows [begin, end) of `content`, as many as a block takes; returns where it stopped.
index::Slot append_checkpoint_rows(const ShardContent& content, index::Cut cut, index::Slot begin,
                                   index::Slot end, Bytes* out);
/// The same for links, of `slots` slots in all. Any thread, beside everything. Requires: end <=
/// index.graph_end().
index::Slot append_checkpoint_links(const index::ShardIndex& index, index::Slot slots,
                                    index::Slot begin, index::Slot end, Bytes* out);

/// Makes blocks of one file, in order.
class CheckpointBlocks {
 public:
  /// `header`: the bytes of the file's header.
  explicit CheckpointBlocks(ByteView header);

  /// The block with `payload`, for `count` slots.
  Bytes block(CheckpointBlockKind kind, uint32_t count, ByteView payload);
  /// The last block. `coverage`: ShardContent::coverage of the rows.
  Bytes end_block(index::Slot graph_end, uint64_t coverage);

 private:
  uint64_t salt_;
  uint32_t blocks_ = 0;
};

/// What a checkpoint brings: links by slot, rows, no vectors yet.
struct CheckpointContent {
  std::shared_ptr<ShardContent> content;
  std::unique_ptr<index::IndexRestore> restore;
  LogIndex applied_index;
  /// By slot: whether the row was live.
  std::vector<bool> live;
};

/// Reads a checkpoint piece by piece: give it exactly bytes_wanted() bytes, until done().
class CheckpointDecoder {
 public:
  /// `skip_checksums`: planted bug checkpoint_skips_checksum.
  CheckpointDecoder(CheckpointIdentity expected, ShardOptions options, bool skip_checksums = false);

  /// Bytes of the next piece: a header, a block's head, a block's payload. 0: done.
  size_t bytes_wanted() const { return wanted_; }
  bool done() const { return wanted_ == 0; }
  /// Errors: data_loss (damaged), failed_precondition (a newer format, or somebody else's): take
  /// nothing of it. Requires: the size that was wanted, and no error before.
  Result<void> take(ByteView bytes);
  /// Requires: done().
  CheckpointContent finish() { return std::move(out_); }

 private:
  enum class Piece : uint8_t { header, head, payload };
  struct BlockHead {
    CheckpointBlockKind kind = CheckpointBlockKind::end;
    uint32_t count = 0;
    uint64_t checksum = 0;
  };

  Result<void> take_header(ByteView bytes);
  Result<void> take_head(ByteView bytes);
  Result<void> take_payload(ByteView bytes);
  Result<void> take_rows(ByteView payload);
  Result<void> take_end(ByteView payload);

  const CheckpointIdentity expected_;
  const ShardOptions options_;
  const bool skip_checksums_;
  Piece piece_ = Piece::header;
  size_t wanted_ = kCheckpointHeaderBytes;
  uint64_t salt_ = 0;
  uint32_t blocks_ = 0;
  BlockHead head_;
  index::Slot slots_ = 0;
  uint64_t coverage_ = 0;
  CheckpointContent out_;
};

}  // namespace vectron
