// Leadership: what a placement node knows while it leads, and how it asks its group for changes.
//
// Shared by the parts of a node that need it: the requests (placement_api.h), the creation of
// collections (creation.h) and the leader's own work (reconciler.h). On the node's event loop.
#pragma once

#include "core/async/sync.h"
#include "core/replica/replica.h"
#include "core/rpc/server.h"
#include "services/placement/cluster_view.h"
#include "services/placement/placement_service.h"
#include "services/placement/placement_state.h"

namespace vectron {

class Leadership {
 public:
  /// All outlive it. `replica` runs with `state`; `news` is notified when the role or the leader of
  /// the replica changed, or what it has applied.
  Leadership(Env* env, const PlacementConfig* config, Replica* replica, PlacementState* state,
             Condition* news);

  /// Until when a request may take.
  Instant deadline_of(const RequestContext& context) const;
  /// Waits until this node certainly leads and has applied all that was acknowledged before.
  /// Errors: unavailable (with who leads, as far as known), deadline_exceeded.
  Task<Result<void>> reach(Instant deadline);
  /// Has the group apply `command`. Errors: those of Replica::propose, and the answer's own.
  Task<Result<PlacementAnswer>> propose(stored::PlacementCommand command, Instant deadline);
  /// Waits until all that the log holds now is applied. Errors: unavailable.
  Task<Result<void>> wait_until_applied(Instant deadline);
  /// Returns at `until`, or when something changed before: what workers reported, what is applied,
  /// or who leads. May return for nothing.
  Task<void> wait_for_news(Instant until);

  /// Forgets what was heard in another term: this node may not have led in between.
  void notice_term();
  /// A worker reported, or answered a push. One that is not on record is not heard.
  void hear(NodeId node, uint64_t revision, std::span<const wire::ReplicaReport> reports);
  /// How a worker that was heard is doing.
  void note_condition(NodeId node, ClusterView::Condition condition);
  /// It is not on record any more.
  void forget(NodeId node) { view_.forget(node); }

  /// It leads, in the term in which it heard what it knows.
  bool leads() const;
  /// In which it heard what it knows.
  Term term() const { return term_; }
  /// When the first report of the term came.
  Instant since() const { return since_; }
  Watching watching() const;
  /// How many workers are there.
  size_t live_workers() const;
  /// Changes when the choice of workers for a new collection may be another one.
  uint64_t arrivals() const { return arrivals_; }
  /// Set when there may be something to record or to push.
  Event& work() { return work_; }

  const PlacementState& state() const { return *state_; }
  const ClusterView& view() const { return view_; }
  const PlacementConfig& config() const { return *config_; }
  Env& env() const { return *env_; }
  Instant now() const { return env_->clock().monotonic(); }
  bool is_leader() const { return replica_->is_leader(); }

 private:
  Status with_leader(const Status& status) const;

  Env* env_;
  const PlacementConfig* config_;
  Replica* replica_;
  PlacementState* state_;
  Condition* news_;
  ClusterView view_;
  Instant since_{};
  Term term_;  // Of view_.
  uint64_t arrivals_ = 0;
  Event work_;
};

}  // namespace vectron
