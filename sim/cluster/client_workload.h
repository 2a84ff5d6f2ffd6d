// ClientWorkload: what one simulated client does all day, recorded as it happens.
//
// Operations arrive at random times, whatever became of earlier ones, and run beside one another up
// to a bound. Runs on the client's node; shapes come from the plan. The times of arrival come from
// the stream `client[n]`, all choices of an arrival from `client[n].arrival` at its number: leaving
// one out (PlanWorkload::skipped) changes no other.
#pragma once

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "core/env/env.h"
#include "sim/cluster/point_client.h"
#include "sim/cluster/run_record.h"
#include "sim/plan/plan.h"

namespace vectron::sim {

/// The id of key `key` of a collection.
PointId point_id_of_key(const PlanCollection& collection, uint32_t key);

/// Whether the workload is over after it has lasted so long: when the plan says so; but where
/// clients mostly waited, and too few operations began for the run to be judged, it goes on for up
/// to as long again. (Not in a plan that leaves some out or asks for few.)
bool is_over(const PlanWorkload& workload, const History& history, Duration lasted);

/// How many operations a client of `plan` begins at most in the planned time, skipped ones
/// included.
uint32_t arrivals_of(const Plan& plan, uint32_t client);

class ClientWorkload {
 public:
  /// Operations of one client at once, of `clients`; arrivals beyond are left out. Few clients have
  /// more each, so that a run in which most wait for a deadline still has its thousand operations.
  static constexpr uint32_t in_flight_max(uint32_t clients) { return std::max(6u, 48 / clients); }

  struct Parts {
    Env* env = nullptr;
    const Plan* plan = nullptr;
    RunRecord* record = nullptr;
    PointClient* client = nullptr;
    /// Of the client.
    uint32_t number = 0;
  };
  /// All of `parts` outlives the workload.
  explicit ClientWorkload(Parts parts);

  /// Works until the workload is over, then waits for what is still running.
  Task<void> run();

 private:
  /// One operation, from its arrival to its answer.
  struct Arrival {
    /// Of this client's, from 0.
    uint32_t number = 0;
    RandomStream random;
  };

  Task<void> operate(Arrival arrival);
  Task<void> upsert(Arrival* arrival);
  Task<void> get(Arrival* arrival);
  Task<void> remove(Arrival* arrival);
  Task<void> search(Arrival* arrival);

  OperationKind draw_kind(RandomStream& random) const;
  uint32_t draw_collection(RandomStream& random) const;
  PointId draw_point(RandomStream& random, uint32_t collection) const;
  Operation new_operation(OperationKind kind, uint32_t collection) const;
  bool is_skipped(uint32_t arrival) const;
  /// 0 for a write that carries none.
  uint64_t draw_request_id(RandomStream& random, uint32_t collection) const;
  /// Whether to send a write once more that carries a request id.
  static bool repeats(RandomStream& random, bool in_doubt, int repetitions);
  Task<UpsertAnswer> upsert_items(Arrival* arrival, uint32_t collection,
                                  std::vector<UpsertItem> items);
  Task<RemoveAnswer> remove_point(Arrival* arrival, uint32_t collection, PointId id);

  Parts parts_;
  RandomStream times_;
  uint32_t in_flight_ = 0;
  Condition ended_;
  TaskGroup tasks_;
};

}  // namespace vectron::sim
