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
#include "services/worker/shard.h"
#include "services/worker/worker_service.h"

namespace vectron {

class Worker final : public wire::WorkerHandler {
 public:
  /// All outlive the worker. `folder_id`: of the node's folder.
  Worker(Env* env, const WorkerConfig* config, ReplicaHost* host, uint64_t folder_id);

  /// Starts the replicas that took part before this start of the process. Errors: those of a
  /// damaged disk never end it: such a replica is reported as lost.
  Task<void> start_known_replicas();

  Task<Result<wire::WriteReply>> write(RequestContext context, wire::WriteRequest request) override;
  Task<Result<wire::ReadReply>> read(RequestContext context, wire::ReadRequest request) override;
  Task<Result<wire::ShardSearchReply>> search(RequestContext context,
                                              wire::ShardSearchRequest request) override;
  Task<Result<wire::AssignReply>> assign(RequestContext context,
                                         wire::AssignRequest request) override;

  /// Carries out what the placement driver wants, in a task of its own that goes on when the caller
  /// is destroyed; one at a time, later ones wait. Errors:
  /// failed_precondition (an older term), data_loss (a birth failed).
  Task<Result<void>> carry_out(uint64_t placement_term, std::vector<wire::Assignment> assignments);

  /// One for each replica, by replica id.
  std::vector<wire::ReplicaReport> reports() const;
  /// Changes whenever something that the placement driver waits for did: replicas, leaders, terms.
  uint64_t reports_signature() const;

 private:
  using Done = std::shared_ptr<Completion<Result<void>>>;
  Task<void> carry_out_for(uint64_t placement_term, std::vector<wire::Assignment> assignments,
                           Done done);
  Task<Result<void>> hold_all(uint64_t placement_term, std::vector<wire::Assignment> assignments);
  Task<Result<void>> hold(wire::Assignment assignment);
  Task<void> start_replica(const stored::ReplicaManifest* manifest);
  Result<Shard*> shard_of(uint64_t shard_id);
  RequestContext with_deadline_of(RequestContext context) const;

  Env* env_;
  const WorkerConfig* config_;
  ReplicaHost* host_;
  uint64_t folder_id_;
  std::map<ShardId, std::unique_ptr<Shard>> shards_;
  std::map<ReplicaId, ShardId> missing_;  // Assigned without bootstrap, and not there.
  uint64_t placement_term_ = 0;
  Semaphore assign_turn_;
  TaskGroup tasks_;
};

}  // namespace vectron
