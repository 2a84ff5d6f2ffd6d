// ClusterClient: a PointClient over the public contract, by the C++ client library.
#pragma once

#include "services/client/client.h"
#include "sim/cluster/point_client.h"
#include "sim/oracle/placement_watch.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

class ClusterClient final : public PointClient {
 public:
  /// `env` and `plan` outlive the client.
  ClusterClient(Env* env, const Plan* plan);

  Task<UpsertAnswer> upsert(uint32_t collection, std::vector<UpsertItem> items) override;
  Task<GetAnswer> get(uint32_t collection, PointId id, bool linearizable) override;
  Task<RemoveAnswer> remove(uint32_t collection, PointId id) override;
  Task<SearchAnswer> search(uint32_t collection, SearchRecord question, bool linearizable) override;

  /// Asks for the collection to be made. `already_exists` is an error here.
  Task<Result<api::CreateCollectionReply>> create(uint32_t collection);
  Task<Result<api::CollectionStatus>> status(uint32_t collection);

 private:
  const std::string& name_of(uint32_t collection) const;
  uint32_t dimension_of(uint32_t collection) const;

  const Plan* plan_;
  Client client_;
};

api::PointId to_api(const PointId& id);

}  // namespace vectron::sim
