// ShardState: the state machine of a shard: points in the store, vectors in the index.
//
// Owned by the shard's Replica, touched on the worker's event loop. The store holds the truth
// (points by key); what is here in memory (the index, and which slot is which point) is built from
// it at load and kept up by apply. Slots are this replica's own affair: they are never stored, and
// two replicas may number them differently.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "core/async/sync.h"
#include "core/env/env.h"
#include "core/replica/overlay.h"
#include "core/replica/state_machine.h"
#include "schemas/storage_messages.h"
#include "services/worker/checkpoint_format.h"
#include "services/worker/memory_budget.h"
#include "services/worker/request_memory.h"
#include "services/worker/shard_content.h"
#include "services/worker/shard_rebuild.h"

namespace vectron {

ShardOptions shard_options_of(const wire::ShardOptions& options);

/// What apply() answers the proposer of a command.
struct ShardAnswer {
  /// Why it changed nothing.
  enum class Refusal : uint8_t {
    none,
    /// Its request id belongs to another command.
    other_command,
    /// A request id that may still be repeated would have to be forgotten.
    memory_full,
  };
  Refusal refused = Refusal::none;
  /// Of the entry that took effect: for a repetition, that of the first one.
  LogIndex index;
  /// For each operation, 1 when the point existed before it.
  Bytes existed;
};
Bytes encode_shard_answer(const ShardAnswer& answer);
/// Errors: internal.
Result<ShardAnswer> decode_shard_answer(ByteView bytes);

class ShardState final : public StateMachine {
 public:
  /// `env` and `observer`, which may be null, outlive it. The limits are part of the state machine:
  /// the same at every replica.
  ShardState(Env* env, ShardOptions options, RequestMemoryLimits requests = {},
             ReplicaObserver* observer = nullptr);

  /// Takes up the checkpoint of the graph, if there is one that holds; else learns all anew.
  Task<Result<void>> load(OverlayStore* store, StateHome home) override;
  Result<void> check(ByteView command, size_t commit_bytes_max) const override;
  Result<void> check_pair(ByteView key, ByteView value) const override;
  Result<Bytes> apply(LogIndex index, ByteView command) override;

  const ShardOptions& options() const { return options_; }
  const std::shared_ptr<ShardContent>& content() const { return content_; }
  /// The point as it is stored; none when there is none. Errors: data_loss.
  Result<std::optional<stored::StoredPoint>> read(const PointId& id) const;
  uint64_t points() const { return content_ ? content_->slots.size() : 0; }
  /// Whether a command with this header would not be refused for want of memory, as far as this
  /// replica knows. Errors: data_loss.
  Result<bool> has_room_for(const stored::EntryHeader& header) const;
  /// Counted bytes of what is here in memory: the index, a rebuild of it, request ids.
  MemoryUse memory() const;
  /// Of the store that was loaded last.
  const StateHome& home() const { return home_; }
  /// Points that were written, removed or linked since the start: what a checkpoint would add.
  uint64_t progress() const { return progress_; }
  void note_linked(uint64_t points) { progress_ += points; }
  /// Tells the observer what the index finds now. Costs nothing where there is none.
  void report(IndexEvent event) const;

  // ---- A rebuild: at most one at a time; a load ends it. ----

  /// Begins to build a content without tombstones. Requires: content(), and no rebuild.
  std::shared_ptr<ShardRebuild> begin_rebuild();
  /// The next load learns from the store alone: a checkpoint has slots of what is gone.
  void load_without_checkpoint() { skip_checkpoint_ = true; }
  /// The one that goes on, or null.
  const std::shared_ptr<ShardRebuild>& rebuild() const { return rebuild_; }
  /// Puts the new content in the old one's place and returns the old one. Requires: a rebuild that
  /// has caught up.
  std::shared_ptr<ShardContent> finish_rebuild();
  /// Gives the rebuild up and returns what there is of the new content. Requires: a rebuild.
  std::shared_ptr<ShardContent> abandon_rebuild();

  /// Whoever links slots into the graph waits here; one of them is woken by each write.
  Condition& index_work() { return index_work_; }
  /// The highest timestamp of the entries that were applied since the process started.
  uint64_t last_timestamp() const { return last_timestamp_; }

 private:
  Task<std::shared_ptr<CheckpointContent>> find_checkpoint();
  void refuse_checkpoint(const Status& why);
  size_t page_items_max(size_t items) const;
  /// The requests that the store remembers.
  Task<Result<void>> take_requests();
  Task<Result<bool>> take_points(CheckpointContent* into);
  bool take_point(CheckpointContent* into, const PointId& id, const stored::StoredPoint& point);
  Task<void> mend(std::shared_ptr<CheckpointContent> loaded);

  /// Errors: invalid_argument.
  Result<stored::ShardCommand> read_command(ByteView bytes) const;
  bool remembers(const stored::EntryHeader& header) const;
  Result<std::optional<ShardAnswer>> repeated(const stored::EntryHeader& header) const;
  Result<void> remember(const stored::EntryHeader& header, const ShardAnswer& answer);
  Result<bool> upsert(LogIndex index, const PointId& id, stored::ShardOperation operation);
  Result<bool> remove(const PointId& id);
  void remove_slot(index::Slot slot);

  Env* env_;
  uint64_t last_timestamp_ = 0;
  const ShardOptions options_;
  ReplicaObserver* observer_;
  OverlayStore* store_ = nullptr;
  StateHome home_;
  std::shared_ptr<ShardContent> content_;  // Null before the first load, and during each.
  std::shared_ptr<ShardRebuild> rebuild_;
  RequestMemory requests_;
  uint64_t progress_ = 0;
  bool skip_checkpoint_ = false;
  bool forget_tombstones_;  // Planted bugs.
  bool forget_requests_;
  bool skip_tail_;
  Condition index_work_;
};

}  // namespace vectron
