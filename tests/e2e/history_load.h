// HistoryLoad: clients that write, read, remove and search without a pause, and write down what
// they were told, for the simulation's oracles.
#pragma once

#include "core/async/task_group.h"
#include "sim/cluster/cluster_client.h"
#include "sim/history/history.h"
#include "sim/plan/plan.h"

namespace vectron {

class HistoryLoad {
 public:
  /// `plan`: the collections and how many clients. Both outlive it. A third of the clients speak
  /// HTTP. The gateways are called "gateway-<i>:7000" and "gateway-<i>:8080", as in a simulation.
  HistoryLoad(Env* env, const sim::Plan* plan);

  void start();
  /// Lets what is under way end, then reads every point once more. False when a point could not be
  /// read.
  Task<bool> finish();

  const sim::History& history() const { return history_; }
  uint64_t done() const { return history_.count(sim::Outcome::ok); }
  sim::ClusterClient& client() { return *clients_.front(); }

 private:
  Task<void> run_client(uint32_t number);
  Task<void> upsert(uint32_t number, RandomStream* random);
  Task<void> get(uint32_t number, PointId id, bool final_read);
  Task<void> remove(uint32_t number, PointId id);
  Task<void> search(uint32_t number, RandomStream* random);
  uint64_t request_id() const;
  PointId draw_point(RandomStream* random) const;
  size_t begin(uint32_t number, sim::OperationKind kind, PointId id, sim::ValueNumber value);

  Env* env_;
  const sim::Plan* plan_;
  sim::History history_;
  std::vector<std::unique_ptr<sim::ClusterClient>> clients_;
  sim::ValueNumber last_value_ = 0;
  uint64_t last_request_ = 0;
  bool stopping_ = false;
  size_t running_ = 0;
  Condition ended_;
  TaskGroup tasks_;  // Last: the clients' tasks use all of the above.
};

}  // namespace vectron
