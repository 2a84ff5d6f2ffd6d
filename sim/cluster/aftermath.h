// Aftermath: what is asked of a cluster when the last fault is over.
//
// Within kAvailableWithin every shard must take a write and answer a linearizable read, and every
// replica must run and have applied all that its group has committed. Then a search that may be
// partial must be whole, and every point that anybody touched is read once more.
#pragma once

#include <map>
#include <set>

#include "core/async/task_group.h"
#include "sim/cluster/point_client.h"
#include "sim/cluster/probed_shard.h"
#include "sim/cluster/run_record.h"
#include "sim/oracle/replica_watch.h"

namespace vectron::sim {

inline constexpr Duration kAvailableWithin = 30s;

class Aftermath {
 public:
  struct Parts {
    Env* env = nullptr;
    const Plan* plan = nullptr;
    RunRecord* record = nullptr;
    ReplicaWatch* watch = nullptr;
    PointClient* client = nullptr;
    /// For the history.
    uint32_t client_number = 0;
    /// Nodes that lost what they had stored: they may stay broken.
    std::set<NodeId> hurt;
  };
  /// All of `parts` outlives this.
  explicit Aftermath(Parts parts) : parts_(std::move(parts)) {}

  /// Writes to and reads from each shard until both succeed; objects when that takes too long.
  /// `since`: the end of the last fault, in the world's time.
  Task<void> await_availability(std::vector<ProbedShard> shards, Instant since);
  /// Waits until all replicas of all groups agree; objects when that takes too long.
  Task<void> await_convergence(std::vector<ProbedShard> groups, Instant since);
  /// Writes one more point to each shard, with a vector that no other has: so counts have something
  /// to lag behind, and each graph grows.
  Task<void> write_once_more(std::vector<ProbedShard> shards);
  /// Searches each of these collections, as one who takes a partial answer: nothing is away any
  /// more, so none may be; objects when it stays so.
  Task<void> search_everywhere(std::set<uint32_t> collections);
  /// Asks each of these collections for approximate answers, where the history has too few of them
  /// to judge the recall.
  Task<void> search_approximately(std::set<uint32_t> collections);
  /// How many of those it asked.
  uint64_t searches_added() const { return searches_added_; }
  /// Reads every point of the history; what it finds are the history's final reads.
  Task<void> read_everything(std::set<uint32_t> collections);

 private:
  Task<void> probe(ProbedShard shard, uint64_t number, Instant until);
  Task<bool> probe_write(uint32_t collection, PointId id);
  Task<bool> read_point(uint32_t collection, PointId id, bool final_read);
  Task<Status> search(uint32_t collection, bool exact);
  Task<void> read_share(const std::vector<PointId>* points, uint32_t collection, size_t first,
                        size_t stride);

  Parts parts_;
  uint64_t searches_added_ = 0;
  /// Probes write none that another point has.
  bool own_vectors_ = false;
};

}  // namespace vectron::sim
