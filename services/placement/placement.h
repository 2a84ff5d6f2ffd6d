// Placement: a node of the placement driver: answers requests while it leads, and makes workers
// hold what they shall.
//
// Owned by run_placement(), on its event loop.
#pragma once

#include <map>
#include <set>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/replica/replica.h"
#include "core/rpc/channel_pool.h"
#include "schemas/placement_rpc.h"
#include "schemas/worker_rpc.h"
#include "services/placement/cluster_view.h"
#include "services/placement/placement_choice.h"
#include "services/placement/placement_service.h"
#include "services/placement/placement_state.h"

namespace vectron {

class Placement final : public wire::PlacementHandler {
 public:
  /// All outlive it. `replica` runs with `state`.
  Placement(Env* env, const PlacementConfig* config, Replica* replica, PlacementState* state,
            rpc::ChannelPool* channels);

  Task<Result<wire::RegisterWorkerReply>> register_worker(
      RequestContext context, wire::RegisterWorkerRequest request) override;
  Task<Result<wire::HeartbeatReply>> heartbeat(RequestContext context,
                                               wire::HeartbeatRequest request) override;
  Task<Result<wire::CreateCollectionReply>> create_collection(
      RequestContext context, wire::CreateCollectionRequest request) override;
  Task<Result<wire::DeleteCollectionReply>> delete_collection(
      RequestContext context, wire::DeleteCollectionRequest request) override;
  Task<Result<wire::ListCollectionsReply>> list_collections(
      RequestContext context, wire::ListCollectionsRequest request) override;
  Task<Result<wire::ListWorkersReply>> list_workers(RequestContext context,
                                                    wire::ListWorkersRequest request) override;
  Task<Result<wire::GetCollectionReply>> get_collection(
      RequestContext context, wire::GetCollectionRequest request) override;
  Task<Result<wire::GetCollectionStatusReply>> get_collection_status(
      RequestContext context, wire::GetCollectionStatusRequest request) override;

 private:
  Instant deadline_of(const RequestContext& context) const;
  Task<Result<void>> reach(Instant deadline);
  Task<Result<void>> make_room_for(NodeId node, Instant deadline);
  Task<Result<PlacementAnswer>> propose(stored::PlacementCommand command, Instant deadline);
  Status with_leader(const Status& status) const;
  std::vector<Candidate> candidates() const;
  size_t live_workers() const;
  bool knows_who_is_live(size_t live, Instant asked) const;
  bool may_be_incomplete() const;
  Task<Result<CollectionId>> plan_and_create(wire::CreateCollectionRequest request,
                                             Instant deadline);
  Task<Result<void>> wait_until_applied(Instant deadline);
  Task<Result<std::optional<CollectionId>>> try_create(wire::CreateCollectionRequest request,
                                                       Instant asked, Instant give_up,
                                                       Instant deadline);
  Task<void> wait_until_ready(CollectionId collection, Instant deadline);
  Task<void> next_report(Instant deadline);
  Result<bool> check_delete(const wire::DeleteCollectionRequest& request) const;
  Task<void> wait_for_fence(CollectionId collection, Instant deadline);
  bool is_fenced(CollectionId collection) const;
  bool is_hopeless(CollectionId collection) const;
  void notice_term();
  Watching watching() const;
  std::optional<std::string> heard_from_another_folder(NodeId node, uint64_t folder_id) const;
  void tell_of_two(NodeId node, const std::string& before);
  void hear(NodeId node, uint64_t revision, std::span<const wire::ReplicaReport> reports);
  Result<const stored::CollectionRecord*> find(const std::string& name) const;

  // The leader's work: record births, forget what is gone, push assignments.
  Task<void> lead();
  bool has_work() const;
  Task<void> record_births();
  Task<void> forget_what_is_gone();
  void push_changes();
  Task<void> push(rpc::NodeAddress worker, wire::AssignRequest request, uint64_t signature);

  Env* env_;
  const PlacementConfig* config_;
  Replica* replica_;
  PlacementState* state_;
  rpc::ChannelPool* channels_;
  RandomStream random_;  // Of lineages.
  ClusterView view_;
  Instant led_since_{};         // When the first report of led_term_ came.
  Term led_term_;               // Of view_ and pushed_.
  Instant tell_of_two_next_{};  // No line about two workers with one number is written before.
  /// What a push would say is known to be as it was while these are.
  struct Basis {
    uint64_t revision = 0;  // Of the state.
    uint64_t changes = 0;   // Of the view.
    bool operator==(const Basis&) const = default;
  };
  struct Pushed {
    std::optional<uint64_t> signature;  // Of the assignments that a worker has confirmed.
    std::optional<Basis> looked_at;     // There was nothing new to push then.
  };
  Basis basis() const { return {state_->counters().revision, view_.changes()}; }
  std::map<NodeId, Pushed> pushed_;
  std::set<NodeId> pushing_;
  Semaphore creating_;       // One creation at a time chooses workers, and is applied.
  Semaphore register_turn_;  // One worker at a time finds out whether there is room.
  Condition heard_;          // A report came.
  Event changed_;            // There may be something to push or to record.
  TaskGroup tasks_;
};

}  // namespace vectron
