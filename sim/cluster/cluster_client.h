// ClusterClient: a PointClient over the public contract, by the C++ client library or as HTTP
// bytes.
#pragma once

#include "services/client/client.h"
#include "sim/cluster/http_calls.h"
#include "sim/cluster/point_client.h"
#include "sim/oracle/placement_watch.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

class ClusterClient final : public PointClient {
 public:
  enum class Protocol : uint8_t { rpc, http };

  /// Told which promise of the contract an answer breaks, and how.
  using Object = std::function<void(std::string_view kind, std::string text)>;

  /// `env` and `plan` outlive the client. `protocol`: of the operations on points. `object` may be
  /// empty.
  ClusterClient(Env* env, const Plan* plan, Protocol protocol = Protocol::rpc, Object object = {});

  Task<UpsertAnswer> upsert(uint32_t collection, std::vector<UpsertItem> items,
                            uint64_t request_id) override;
  Task<GetAnswer> get(uint32_t collection, PointId id, bool linearizable) override;
  Task<RemoveAnswer> remove(uint32_t collection, PointId id, uint64_t request_id) override;
  Task<SearchAnswer> search(uint32_t collection, SearchRecord question, bool linearizable) override;

  /// Asks for the collection to be made. `already_exists` is an error here.
  Task<Result<api::CreateCollectionReply>> create(uint32_t collection);
  /// Asks for the collection to be removed; `id` 0 for whichever has the name.
  Task<Result<api::DeleteCollectionReply>> remove_collection(uint32_t collection, uint64_t id);
  Task<Result<api::CollectionStatus>> status(uint32_t collection);

 private:
  const std::string& name_of(uint32_t collection) const;
  uint32_t dimension_of(uint32_t collection) const;
  void check(std::string_view operation, const Status& status) const;
  std::vector<ShardAt> token_of_absence(const Status& status) const;

  const Plan* plan_;
  Client client_;
  Object object_;
  /// Null for RPC.
  std::unique_ptr<HttpCalls> http_;
};

}  // namespace vectron::sim
