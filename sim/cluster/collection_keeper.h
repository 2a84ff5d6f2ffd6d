// CollectionKeepers: remove and make again, all day long, the collections of a plan that come and
// go.
//
// Several clients have keepers, which know nothing of one another: they race to create and to
// remove. What they ask and are told goes into RunRecord::lives, and from there to the oracle of
// sim/oracle/incarnations.h. Choices come from the stream `keeper[client][collection]`.
#pragma once

#include <memory>
#include <vector>

#include "core/async/sync.h"
#include "core/async/task_group.h"
#include "sim/cluster/cluster_client.h"
#include "sim/cluster/run_record.h"

namespace vectron::sim {

class CollectionKeepers {
 public:
  /// Clients that have keepers.
  static constexpr uint32_t kClientsMax = 2;

  struct Parts {
    Env* env = nullptr;
    const Plan* plan = nullptr;
    RunRecord* record = nullptr;
    /// Of the client.
    uint32_t number = 0;
  };
  /// All of `parts` outlives the keepers.
  explicit CollectionKeepers(Parts parts);

  /// Starts a keeper for each collection that has a lifetime, if this client has keepers.
  void start();
  /// Waits until all have ended, which they do after the plan's duration.
  Task<void> wait();

 private:
  Task<void> keep(uint32_t collection);

  Parts parts_;
  /// Null when there is nothing to keep.
  std::unique_ptr<ClusterClient> client_;
  size_t running_ = 0;
  Condition ended_;
  TaskGroup tasks_;
};

/// Asks once for a creation or a removal, and records it. `id`: 0 for whichever has the name.
Task<Status> create_recorded(RunRecord* record, ClusterClient* client, uint32_t collection);
Task<LifeEvent> remove_recorded(RunRecord* record, ClusterClient* client, uint32_t collection,
                                uint64_t id);

}  // namespace vectron::sim
