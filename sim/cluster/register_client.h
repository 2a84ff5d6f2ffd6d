// RegisterClient: a PointClient over the nodes of profile raft: numbers as ids, upserts of one
// point and gets alone.
#pragma once

#include "core/env/env.h"
#include "core/rpc/calls/last_leader.h"
#include "core/rpc/channel_pool.h"
#include "sim/cluster/point_client.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

class RegisterClient final : public PointClient {
 public:
  /// `env` outlives the client.
  RegisterClient(Env* env, const Plan& plan);

  Task<UpsertAnswer> upsert(uint32_t collection, std::vector<UpsertItem> items,
                            uint64_t request_id) override;
  /// Every read is linearizable here.
  Task<GetAnswer> get(uint32_t collection, PointId id, bool linearizable) override;
  Task<RemoveAnswer> remove(uint32_t collection, PointId id, uint64_t request_id) override;
  Task<SearchAnswer> search(uint32_t collection, SearchRecord question, bool linearizable) override;

 private:
  /// Asks node after node until one does it, or may have done it, or the deadline passes.
  Task<Result<Bytes>> call(const rpc::MethodInfo* method, Bytes body);

  Env& env_;
  std::vector<rpc::NodeAddress> nodes_;
  Duration deadline_;
  rpc::ChannelPool channels_;
  RandomStream random_;
  rpc::LastLeader leader_;
};

}  // namespace vectron::sim
