// CheckpointFile: graph checkpoints on a replica's disk.
//
// One file for each generation, `graph-<generation>.checkpoint` in the replica's folder, written
// under a temporary name and renamed when it is durable: it is there as a whole, or not at all.
// Owned by a ShardState; one write at a time. Everything that goes wrong is an error for whoever
// reports it: no shard depends on a checkpoint.
#pragma once

#include <memory>
#include <string>

#include "core/env/env.h"
#include "core/replica/state_machine.h"
#include "services/worker/checkpoint_format.h"

namespace vectron {

/// The name of the checkpoint of `home`'s generation.
std::string checkpoint_path(const StateHome& home);

/// Reads the checkpoint of `home`'s generation: rows and links, checked. One that is read takes as
/// long as its bytes; the work is done on the Cpu pool block by block. Errors: not_found; data_loss
/// (damaged, cut short), failed_precondition (a newer format, another replica's).
Task<Result<CheckpointContent>> read_checkpoint(Env* env, StateHome home, ShardOptions options);

/// Removes what no checkpoint of this generation is: files of other generations and of writes that
/// a crash cut short. Errors: of the disk.
Task<Result<void>> remove_stale_checkpoints(Env* env, StateHome home);

/// Removes what a write that failed has left, which may be the disk's last bytes. Requires: its
/// CheckpointWriter is gone. No error when there is nothing.
Task<void> remove_unfinished_checkpoint(Env* env, StateHome home);

/// A checkpoint that is being written. Destroyed before commit(), it leaves a temporary file: see
/// remove_unfinished_checkpoint().
class CheckpointWriter {
 public:
  /// Creates the temporary file and writes the header.
  static Task<Result<std::unique_ptr<CheckpointWriter>>> create(Env* env, StateHome home,
                                                                CheckpointHeader header);

  /// Appends a block.
  Task<Result<void>> add(CheckpointBlockKind kind, uint32_t count, Bytes payload);
  /// Appends the end, syncs and renames: on return the checkpoint is durable and is the one that
  /// the next start reads.
  Task<Result<void>> commit(index::Slot graph_end, uint64_t coverage);
  uint64_t bytes() const { return offset_; }

 private:
  CheckpointWriter(Env* env, StateHome home, std::unique_ptr<File> file, ByteView header);
  Task<Result<void>> write(Bytes bytes);

  Env* env_;
  const StateHome home_;
  std::unique_ptr<File> file_;
  CheckpointBlocks blocks_;
  uint64_t offset_ = 0;
};

}  // namespace vectron
