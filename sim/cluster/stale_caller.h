// StaleCaller: a gateway whose shard map is another one than the cluster's.
//
// In the end of a run it asks every replica of every shard with the epoch before the current one,
// and with the one after it. None may answer: the points of an older map may belong to another
// shard by now, and a newer one says what this replica has not heard yet.
#pragma once

#include "schemas/worker_rpc.h"
#include "sim/cluster/probed_shard.h"
#include "sim/cluster/run_record.h"
#include "sim/oracle/replica_watch.h"

namespace vectron::sim {

class StaleCaller {
 public:
  struct Parts {
    Env* env = nullptr;
    const Plan* plan = nullptr;
    RunRecord* record = nullptr;
    const ReplicaWatch* watch = nullptr;
  };
  /// All of `parts` outlives this.
  explicit StaleCaller(Parts parts) : parts_(parts) {}

  /// Asks all replicas that run. Requires a cluster that is well: who cannot be asked within a few
  /// attempts is an objection too (by the older map: a newer one is answered as a lost call is).
  Task<void> ask_all(std::vector<ProbedShard> shards);

 private:
  enum class Question : uint8_t { read, search, write };
  /// One replica, and with which epoch it is asked.
  struct Asked {
    ProbedShard shard;
    ReplicaWatch::Sight replica;
    uint64_t epoch = 0;
  };

  Task<void> ask(Asked asked, Question question);
  Task<Status> call(Asked asked, Question question, std::shared_ptr<rpc::Channel> channel);
  static std::string_view name_of(Question question);

  Parts parts_;
};

}  // namespace vectron::sim
