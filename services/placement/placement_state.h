// PlacementState: the state machine of the placement driver's group: workers, collections, and the
// ids given out.
//
// Owned by the group's Replica, on the node's event loop. The store holds one record for each
// worker and each collection, and the counters; what is here in memory mirrors it.
#pragma once

#include <map>
#include <string>

#include "core/base/ids.h"
#include "core/replica/overlay.h"
#include "core/replica/state_machine.h"
#include "schemas/storage_messages.h"
#include "services/placement/assignment_book.h"
#include "services/placement/placement_bounds.h"

namespace vectron {

/// What apply() answers the proposer of a command.
struct PlacementAnswer {
  /// Not ok: refused, nothing changed.
  Status status;
  /// The one that was created or removed.
  CollectionId collection;
};
Bytes encode_answer(const PlacementAnswer& answer);
Result<PlacementAnswer> decode_answer(ByteView bytes);

/// The lowest schema version that a member must know to apply `command`: one that does not would
/// take it for an empty one and go on with another state than the rest.
uint32_t schema_version_of(const stored::PlacementCommand& command);

class PlacementState final : public StateMachine {
 public:
  /// Whoever watches the node has all of the state checked after each command: O(records).
  explicit PlacementState(bool watched = false) : watched_(watched) {}

  Task<Result<void>> load(OverlayStore* store, StateHome) override;
  Result<void> check(ByteView command, size_t commit_bytes_max) const override;
  Result<void> check_pair(ByteView key, ByteView value) const override;
  Result<Bytes> apply(LogIndex index, ByteView command) override;

  const std::map<NodeId, stored::WorkerRecord>& workers() const { return workers_; }
  const std::map<CollectionId, stored::CollectionRecord>& collections() const {
    return collections_;
  }
  /// Removed collections that are not forgotten yet.
  const std::map<CollectionId, stored::RemovedCollection>& removed() const { return removed_; }
  /// Whether a worker whose replicas come from `lineage` (0 for none) belongs to this state.
  /// Errors: failed_precondition.
  Result<void> check_lineage(uint64_t lineage) const;
  /// Null when there is none of that name.
  const stored::CollectionRecord* find(const std::string& name) const;
  const stored::PlacementCounters& counters() const { return counters_; }
  /// Who holds what, by worker.
  const AssignmentBook& book() const { return book_; }

 private:
  friend struct PlacementInvariants;

  Result<PlacementAnswer> carry_out(const stored::PlacementCommand& command);
  Result<void> begin_lineage(uint64_t drawn);
  Result<PlacementAnswer> register_worker(const stored::WorkerRecord& record);
  Result<PlacementAnswer> forget_workers(const stored::ForgetWorkersCommand& command);
  Result<PlacementAnswer> create_collection(const stored::CreateCollectionCommand& command);
  Result<PlacementAnswer> delete_collection(const stored::DeleteCollectionCommand& command);
  Result<PlacementAnswer> forget_collections(const stored::ForgetCollectionsCommand& command);
  Result<PlacementAnswer> record_created(const stored::ReplicasCreatedCommand& command);
  Result<void> put_counters();
  Result<void> take_record(ByteView key, ByteView value);

  const bool watched_;
  OverlayStore* store_ = nullptr;
  std::map<NodeId, stored::WorkerRecord> workers_;
  std::map<CollectionId, stored::CollectionRecord> collections_;
  std::map<CollectionId, stored::RemovedCollection> removed_;
  std::map<std::string, CollectionId> by_name_;
  AssignmentBook book_;  // Of collections_ and removed_.
  stored::PlacementCounters counters_;
};

}  // namespace vectron
