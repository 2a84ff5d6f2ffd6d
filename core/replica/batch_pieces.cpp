#include "core/replica/batch_pieces.h"

#include "core/raft/types.h"

namespace vectron {
namespace {

size_t bytes_of(const wire::RaftEntry& entry) {
  return raft::kEntryOverheadBytes + entry.data.size();
}

size_t bytes_of(const wire::RaftMessage& message) {
  size_t bytes = kMessageCostBytes;
  for (const wire::RaftEntry& entry : message.entries) bytes += bytes_of(entry);
  return bytes;
}

class Pieces {
 public:
  explicit Pieces(size_t piece_bytes) : piece_bytes_(piece_bytes) {}
  void add(wire::RaftMessage message) {
    const size_t bytes = bytes_of(message);
    if (bytes_ > 0 && bytes_ + bytes > piece_bytes_) end_piece();
    open_.messages.push_back(std::move(message));
    bytes_ += bytes;
  }
  void add_append(wire::RaftMessage message);
  std::vector<wire::RaftBatch> finish() {
    if (bytes_ > 0) end_piece();
    return std::move(pieces_);
  }

 private:
  void end_piece() {
    pieces_.push_back(std::exchange(open_, {}));
    bytes_ = 0;
  }

  const size_t piece_bytes_;
  std::vector<wire::RaftBatch> pieces_;
  wire::RaftBatch open_;
  size_t bytes_ = 0;
};

void Pieces::add_append(wire::RaftMessage message) {
  std::vector<wire::RaftEntry> entries = std::exchange(message.entries, {});
  wire::RaftMessage piece = message;
  size_t bytes = kMessageCostBytes;
  for (wire::RaftEntry& entry : entries) {
    if (!piece.entries.empty() && bytes + bytes_of(entry) > piece_bytes_) {
      message.index = piece.entries.back().index;
      message.log_term = piece.entries.back().term;
      add(std::exchange(piece, message));
      bytes = kMessageCostBytes;
    }
    bytes += bytes_of(entry);
    piece.entries.push_back(std::move(entry));
  }
  add(std::move(piece));
}

}  // namespace

size_t batch_bytes(const wire::RaftBatch& batch) {
  size_t bytes = 0;
  for (const wire::RaftMessage& message : batch.messages) bytes += bytes_of(message);
  return bytes;
}

bool fits_in_a_turn(const wire::RaftBatch& batch, size_t turn_bytes) {
  const bool is_one_entry = batch.messages.size() == 1 && batch.messages[0].entries.size() == 1;
  return is_one_entry || batch_bytes(batch) <= turn_bytes;
}

std::vector<wire::RaftBatch> in_pieces(wire::RaftBatch batch, size_t piece_bytes) {
  Pieces pieces(piece_bytes);
  for (wire::RaftMessage& message : batch.messages) {
    if (message.kind == static_cast<uint8_t>(raft::MessageKind::append)) {
      pieces.add_append(std::move(message));
    } else {
      pieces.add(std::move(message));
    }
  }
  return pieces.finish();
}

}  // namespace vectron
