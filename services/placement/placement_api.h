// PlacementApi: answers what workers, gateways and users ask of the placement driver.
//
// Owned by run_placement(), on its event loop. Every answer comes from the leader.
#pragma once

#include "schemas/placement_rpc.h"
#include "services/placement/creation.h"
#include "services/placement/leadership.h"

namespace vectron {

class PlacementApi final : public wire::PlacementHandler {
 public:
  /// Outlives it.
  explicit PlacementApi(Leadership* leadership);

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
  Task<Result<void>> make_room_for(NodeId node, Instant deadline);
  std::optional<std::string> heard_from_another_folder(NodeId node, uint64_t folder_id) const;
  void tell_of_two(NodeId node, const std::string& before);
  Task<void> wait_until_ready(CollectionId collection, Instant deadline);
  Result<bool> check_delete(const wire::DeleteCollectionRequest& request) const;
  Task<void> wait_for_fence(CollectionId collection, Instant deadline);
  bool is_fenced(CollectionId collection) const;
  bool is_hopeless(CollectionId collection) const;
  Result<const stored::CollectionRecord*> find(const std::string& name) const;

  const PlacementState& state() const { return leadership_->state(); }
  const ClusterView& view() const { return leadership_->view(); }
  const PlacementConfig& config() const { return leadership_->config(); }

  Leadership* leadership_;
  Creation creation_;
  RandomStream random_;         // Of lineages.
  Instant tell_of_two_next_{};  // No line about two workers with one number is written before.
  Semaphore register_turn_;     // One worker at a time finds out whether there is room.
};

}  // namespace vectron
