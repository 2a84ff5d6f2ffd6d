// ClientWorkload: what one simulated client does all day, recorded as it happens.
//
// Operations arrive at random times, whatever became of earlier ones, and run beside one another up
// to a bound. Runs on the client's node; shapes come from the plan, choices from the stream
// `client[n]`.
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

class ClientWorkload {
 public:
  static constexpr uint32_t kInFlightMax =
      6;  ///< Operations of one client at once; arrivals beyond are left out.

  struct Parts {
    Env* env = nullptr;
    const Plan* plan = nullptr;
    RunRecord* record = nullptr;
    PointClient* client = nullptr;
    uint32_t number = 0;  ///< Of the client.
  };
  /// All of `parts` outlives the workload.
  explicit ClientWorkload(Parts parts);

  /// Works for the plan's duration, then waits for what is still running.
  Task<void> run();

 private:
  Task<void> operate(OperationKind kind);
  Task<void> upsert();
  Task<void> get();
  Task<void> remove();
  Task<void> search();

  OperationKind draw_kind();
  uint32_t draw_collection();
  PointId draw_point(uint32_t collection);
  Operation new_operation(OperationKind kind, uint32_t collection);
  Duration draw_pause();

  Parts parts_;
  RandomStream random_;
  uint32_t in_flight_ = 0;
  Condition ended_;
  TaskGroup tasks_;
};

}  // namespace vectron::sim
