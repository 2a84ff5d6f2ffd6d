// ShardUpkeep: what a shard replica does for its graph in the background: checkpoints, so that a
// restart need not learn it again, and rebuilds, so that tombstones do not pile up.
//
// One thing at a time, in small pieces, none of which keeps the event loop or a search waiting.
// Owned by its Shard, on the worker's event loop.
#pragma once

#include <memory>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/env/env.h"
#include "core/replica/replica.h"
#include "services/worker/checkpoint_file.h"
#include "services/worker/memory_budget.h"
#include "services/worker/shard_state.h"
#include "services/worker/upkeep_config.h"

namespace vectron {

class ShardUpkeep {
 public:
  /// All outlive it. Starts at once.
  ShardUpkeep(Env* env, const UpkeepConfig* config, MemoryBudget* budget, Replica* replica,
              ShardState* state);
  ShardUpkeep(const ShardUpkeep&) = delete;
  ShardUpkeep& operator=(const ShardUpkeep&) = delete;

  /// Writes a checkpoint now, as fast as it can, unless nothing changed since the last one or there
  /// is no graph. For a worker that stops.
  Task<void> checkpoint_before_stop();
  /// What building the index anew would give back.
  struct Tombstones {
    /// About; 0 when it is not worthwhile.
    uint64_t bytes = 0;
    /// What a rebuild takes meanwhile.
    uint64_t live_bytes = 0;
  };
  Tombstones tombstones() const;
  /// Has the index learnt anew from the store, without a second one beside it: the replica does not
  /// serve meanwhile.
  void learn_anew();
  /// Ends all of it for good; on return nothing of it touches the replica, its folder or the disk.
  Task<void> end();

 private:
  /// What a checkpoint is of; nothing of it may change while it is written.
  struct Job {
    std::shared_ptr<ShardContent> content;
    index::Cut cut;
    StateHome home;
    LogIndex applied_index;
    uint64_t progress = 0;
    bool skip_tail = false;  // A planted bug.
  };

  Task<void> loop();
  void look_at_progress();
  bool has_learnt() const;
  bool wants_checkpoint() const;
  bool wants_rebuild() const;
  bool wants_mending() const;
  uint64_t live_bytes(const index::Cut& cut) const;
  bool is_current(const Job& job) const;

  Task<void> checkpoint();
  Task<Result<void>> write_checkpoint(Job job);
  Task<Result<uint64_t>> write_rows(const Job* job, CheckpointWriter* writer);
  Task<Result<index::Slot>> write_links(const Job* job, CheckpointWriter* writer);
  Task<Result<void>> wait_for_store(const Job* job);
  Result<void> check_space(const Job& job) const;
  Result<void> check_wanted(const Job& job) const;
  Task<void> keep_pace(uint64_t bytes);

  Task<void> mend();

  Task<void> rebuild();
  Task<void> rebuild_in_turn();
  Task<bool> build_beside(std::shared_ptr<ShardRebuild> rebuild);
  Task<void> link_some(std::shared_ptr<ShardContent> to);
  Task<void> dispose(std::shared_ptr<ShardContent> old);

  Env* env_;
  const UpkeepConfig& config_;
  MemoryBudget* budget_;
  Replica* replica_;
  ShardState* state_;
  bool hurry_ = false;
  bool ended_ = false;
  uint64_t seen_progress_ = 0;  // At the last look,
  Instant changed_at_;          // and when it was seen to have moved.
  uint64_t saved_progress_ = 0;
  Instant attempted_at_;
  Instant rebuild_after_;  // After one that was given up.
  Semaphore turn_;         // Of a checkpoint.
  TaskGroup tasks_;
};

}  // namespace vectron
