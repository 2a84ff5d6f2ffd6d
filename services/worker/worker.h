// Worker: the shards of one worker process, and what the placement driver wants them to be.
//
// Owned by run_worker(), on its event loop.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/replica/replica_host.h"
#include "schemas/worker_rpc.h"
#include "services/worker/memory_budget.h"
#include "services/worker/shard.h"
#include "services/worker/start_pause.h"
#include "services/worker/worker_service.h"

namespace vectron {

/// What the placement driver says that a worker shall hold.
struct WorkerOrders {
  /// Of the placement state that gives them.
  uint64_t lineage = 0;
  /// Orders of the placement driver's states; see AssignRequest.
  uint64_t revision = 0;
  std::vector<wire::Assignment> assignments;
  /// Replica ids.
  std::vector<uint64_t> removed;
  /// Whether they answer a heartbeat of this process, and so are at least as new as its start.
  bool answer_heartbeat = false;
};

class Worker final : public wire::WorkerHandler {
 public:
  /// All outlive the worker. `folder_id`: of the node's folder.
  Worker(Env* env, const WorkerConfig* config, ReplicaHost* host, uint64_t folder_id);

  /// Starts the replicas that took part before this start of the process, and returns how many
  /// shards run then. Errors: those of a damaged disk never end it: such a replica is reported as
  /// lost.
  Task<size_t> start_known_replicas();

  /// Checkpoints of all shards' graphs, for a worker that stops; ends after
  /// UpkeepConfig::checkpoint_stop_timeout whatever is done by then.
  Task<void> write_checkpoints();

  Task<Result<wire::WriteReply>> write(RequestContext context, wire::WriteRequest request) override;
  Task<Result<wire::ReadReply>> read(RequestContext context, wire::ReadRequest request) override;
  Task<Result<wire::ShardSearchReply>> search(RequestContext context,
                                              wire::ShardSearchRequest request) override;
  Task<Result<wire::AssignReply>> assign(RequestContext context,
                                         wire::AssignRequest request) override;

  /// Carries out what the placement driver wants, in a task of its own that goes on when the caller
  /// is destroyed; one at a time, later ones wait. Removals go on beside it, and are waited for
  /// only for a moment: on a full disk they may take long. So are births: has_put_off() says that
  /// the next orders are wanted at once. Nothing of older orders counts, nothing
  /// before the first answer to a heartbeat (a stale order cannot bring a removed replica back:
  /// docs/decisions/0011-removal.md), and nothing of another lineage than that of the replicas
  /// held, for its ids mean other replicas. Replicas start beside it too, one that does not with
  /// growing pauses in between. Errors: failed_precondition (another lineage, an older revision, or
  /// too early), those of the disk (a birth failed), and why a replica did not start.
  Task<Result<void>> carry_out(WorkerOrders orders);
  /// Whether requests find something here: false while there are replicas that should run, and
  /// none of them does.
  bool serves() const { return !shards_.empty() || starts_.empty(); }

  /// One for each replica, by replica id.
  std::vector<wire::ReplicaReport> reports() const;
  /// The newest revision that was carried out; 0 before the first.
  uint64_t revision() const { return done_revision_; }
  /// Whether there was no time for all copies of the last orders.
  bool has_put_off() const { return put_off_from_ != ReplicaId(); }
  /// What the worker keeps in memory, and what it may.
  const MemoryBudget& memory() const { return budget_; }
  /// Bytes of the pages that all replicas use on disk.
  uint64_t stored_bytes() const;
  /// Of the placement state that the replicas come from; 0 while there are none.
  uint64_t lineage() const { return holds_replicas() ? lineage_ : 0; }
  /// What reports() says, in short.
  struct Signature {
    /// Of what the placement driver waits for: replicas, leaders, terms.
    uint64_t state = 0;
    /// Of the points of all shards, and of those that are linked.
    uint64_t counts = 0;
  };
  Signature signature() const;
  /// Replicas that reports() is about.
  size_t replicas() const { return host_->manifests().size() + missing_.size(); }
  /// Notified when the signature may have changed; not each time.
  Condition& changed() { return host_->changed(); }

 private:
  /// A replica that is born and does not run yet.
  struct Start {
    bool under_way = false;
    /// Of the last try.
    Status failure;
    StartPause pause;
  };
  using Done = std::shared_ptr<Completion<Result<void>>>;
  Task<void> carry_out_for(WorkerOrders orders, Done done);
  Task<Result<void>> obey(WorkerOrders orders);
  bool holds_replicas() const { return !host_->manifests().empty() || !missing_.empty(); }
  Result<void> check_lineage(const WorkerOrders& orders);
  Result<void> begin_drops(const WorkerOrders& orders);
  Task<bool> wait_for_drops(std::vector<uint64_t> removed);
  Task<void> drop_one(ReplicaId replica, GroupId group);
  Task<void> drop_unborn(ReplicaId replica);
  Task<Result<void>> drop(ReplicaId replica, GroupId group);
  std::optional<GroupId> group_of(ReplicaId replica) const;
  Task<Result<void>> hold_all(std::vector<wire::Assignment> assignments);
  Task<Result<void>> hold(wire::Assignment assignment);
  void tell_running(const wire::Assignment& assignment);
  Task<Result<void>> bear(wire::Assignment assignment);
  Result<void> begin_start(ReplicaId replica);
  void note_missing(ReplicaId replica, GroupId group);
  Task<void> watch_memory();
  void count_memory();
  void relieve_memory();
  void reclaim_tombstones();
  Task<void> start_replica(ReplicaId replica);
  Result<void> room_to_start(ReplicaId replica);
  Task<Result<void>> try_start(stored::ReplicaManifest manifest);
  Task<bool> write_all_checkpoints();
  bool has_lost(uint64_t shard_id) const;
  Status why_closed(GroupId shard) const;
  /// Errors: not_found; unavailable (its copy is not open); data_loss with the field "shard_id"
  /// (its copy is damaged: nothing was begun).
  Result<std::shared_ptr<Shard>> shard_of(uint64_t shard_id) const;
  RequestContext with_deadline_of(RequestContext context) const;

  Env* env_;
  const WorkerConfig* config_;
  ReplicaHost* host_;
  uint64_t folder_id_;
  MemoryBudget budget_;
  /// Of those that are read from the stores.
  AnswerTurns answer_turns_;
  std::map<ShardId, std::shared_ptr<Shard>> shards_;  // Requests hold them too.
  std::map<ReplicaId, ShardId> missing_;              // Assigned without bootstrap, and not there.
  std::map<ReplicaId, GroupId> dropping_;             // Being removed, beside all else.
  std::map<ReplicaId, Start> starts_;                 // Being started, likewise.
  bool heard_ = false;          // A heartbeat was answered since the start of the process.
  uint64_t lineage_ = 0;        // Of the replicas on disk, or of the first orders.
  uint64_t revision_ = 0;       // Of the newest orders that were taken up.
  uint64_t done_revision_ = 0;  // And that were carried out.
  ReplicaId put_off_from_;      // Of revision_; none: nothing was put off.
  Semaphore assign_turn_;
  Condition dropped_;  // One of dropping_ is done with.
  TaskGroup tasks_;
};

}  // namespace vectron
