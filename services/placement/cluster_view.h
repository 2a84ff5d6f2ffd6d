// ClusterView: what the placement leader has heard from workers. Soft state: never logged,
// forgotten with leadership.
//
// Pure: it is told the time.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "schemas/placement_messages.h"
#include "schemas/storage_messages.h"
#include "services/placement/placement_state.h"

namespace vectron {

/// Since when a leader listens, and when a worker counts as down.
struct Watching {
  Instant since;
  Instant now;
  Duration silence_max;
};

class ClusterView {
 public:
  /// A report came from `node`, which has carried out all orders up to `revision`.
  void hear(NodeId node, Instant now, uint64_t revision,
            std::span<const wire::ReplicaReport> reports);
  void forget_all();
  /// It is not on record any more.
  void forget(NodeId node);

  /// What a worker says of itself.
  struct Condition {
    uint64_t stored_bytes = 0;
    /// It is about to stop.
    bool draining = false;
    /// It takes no more points.
    bool memory_full = false;
    /// What it can hold; 0: not said.
    uint64_t replicas_max = 0;
  };
  /// How `node`, which was heard, is doing.
  void note_condition(NodeId node, Condition condition);
  /// Changes whenever something did that the orders of `node` depend on: which replicas it reports,
  /// or whether some worker is full. No value comes twice.
  uint64_t changes_of(NodeId node) const;
  /// Whether the memory of any worker was full when it was heard last.
  bool has_full_worker() const { return full_ > 0; }

  /// Heard within `silence_max` of `now`.
  bool is_live(NodeId node, Instant now, Duration silence_max) const;
  /// Silent for too long; before it was heard, since the leader listens.
  bool is_down(NodeId node, const Watching& watching) const;
  /// Whether it may get new replicas: live, and neither draining nor full.
  bool takes_replicas(NodeId node, Instant now, Duration silence_max) const;
  /// Marks the assignments of `node` of which another member's worker is full. One that is down is
  /// not: nobody knows what it holds by now, and it may never come back.
  void mark_crowded(NodeId node, const Watching& watching,
                    std::vector<wire::Assignment>* assignments) const;
  /// How many replicas `node` can hold.
  uint64_t replicas_max(NodeId node) const;
  /// The last report of a replica, or null.
  const wire::ReplicaReport* report_of(NodeId node, ReplicaId replica) const;
  /// The worker whose replica leads: the one of the highest term among those that say so.
  std::optional<NodeId> leader_of(const stored::ShardRecord& shard) const;
  /// Every shard of the collection has a leader that has applied all that was acknowledged.
  bool is_ready(const stored::CollectionRecord& collection) const;
  /// Whether `node` holds nothing of a replica that no order since `revision` names, and never will
  /// again.
  bool has_dropped(NodeId node, ReplicaId replica, uint64_t revision) const;
  /// Whether no replica group of a removed collection has a quorum any more: nothing can be
  /// acknowledged for it.
  bool is_fenced(const stored::RemovedCollection& removed) const;
  /// Whether a worker that is not down may hold a copy of it: it has not said that it dropped it.
  bool may_drop_more(const stored::RemovedCollection& removed, const Watching& watching) const;
  /// When the first worker with a copy of it counts as down that does not now, if it stays silent;
  /// never when there is none.
  Instant next_silence(const stored::RemovedCollection& removed, const Watching& watching) const;
  /// Whether no worker holds anything of a removed collection.
  bool is_gone(const stored::RemovedCollection& removed) const;
  /// Replicas that `node` reported and that are removed for ever: it has no assignment of them, and
  /// their ids were given out (ids are never reused). True of any state that says so, however old.
  std::vector<uint64_t> removed_replicas(const PlacementState& state, NodeId node) const;
  /// Replicas that say that they are made and are not recorded as such yet.
  std::vector<uint64_t> unrecorded_births(const PlacementState& state) const;

 private:
  friend wire::WorkerStatus status_of(const PlacementState&, const ClusterView&, const Watching&,
                                      const stored::WorkerRecord&);
  struct Heard {
    Instant when;
    uint64_t revision = 0;
    Condition condition;
    std::vector<wire::ReplicaReport> reports;  // By replica id, one of each.
    // Of all reports.
    uint32_t leaders = 0;
    uint32_t lost = 0;
    uint64_t points = 0;
    uint64_t changed = 0;  // The value of changes_ when the reported replicas were others last.
  };
  static void count(Heard* heard);

  std::map<NodeId, Heard> workers_;
  size_t full_ = 0;  // Workers whose memory is full.
  uint64_t changes_ = 0;
  uint64_t changed_for_all_ = 0;  // The value of changes_ when the orders of all changed last.
};

/// Of what `node` reports, what the view needs: all that it shall hold, all of removed collections,
/// and some of the rest, of ids that were given out: once these are removed, it reports others.
std::vector<wire::ReplicaReport> reports_to_keep(const PlacementState& state, NodeId node,
                                                 std::span<const wire::ReplicaReport> reports);
/// The last starts of the workers that hold copies: none of them can register with another folder.
std::map<NodeId, uint64_t> starts_of_holders(const PlacementState& state);
/// The last starts of the workers that hold copies of the shards of `node`, by node id.
std::vector<wire::WorkerStart> starts_of_peers(const PlacementState& state, NodeId node);
/// All that `node` shall hold, in the order of the replica ids.
std::vector<wire::Assignment> assignments_of(const PlacementState& state, NodeId node);
/// How a worker stands, as far as the view knows.
wire::WorkerStatus status_of(const PlacementState& state, const ClusterView& view,
                             const Watching& watching, const stored::WorkerRecord& worker);
/// How a collection stands, as far as the view knows.
wire::CollectionStatus status_of(const PlacementState& state, const ClusterView& view,
                                 const stored::CollectionRecord& collection);
wire::CollectionRoute route_of(const PlacementState& state, const ClusterView& view,
                               const stored::CollectionRecord& collection);

}  // namespace vectron
