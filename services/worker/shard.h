// Shard: one shard replica of a worker, as requests see it.
//
// Checks a request against the shard, takes it through the replica (writes, read barriers) and
// answers. Also drives the linking of new vectors into the graph. Owned by the Worker, on its event
// loop; requests in flight hold it too, for the replica may be removed under them.
#pragma once

#include <memory>

#include "core/async/task_group.h"
#include "core/env/env.h"
#include "core/model/hybrid_clock.h"
#include "core/replica/replica.h"
#include "core/rpc/request_context.h"
#include "schemas/worker_messages.h"
#include "services/worker/answer_turns.h"
#include "services/worker/hit_details.h"
#include "services/worker/shard_state.h"
#include "services/worker/shard_upkeep.h"
#include "services/worker/worker_service.h"

namespace vectron {

class Shard {
 public:
  /// `replica` runs with `state`, which it owns; `env`, `config`, `budget` and
  /// `answer_turns` outlive the shard.
  Shard(Env* env, const WorkerConfig* config, MemoryBudget* budget, AnswerTurns* answer_turns,
        std::shared_ptr<Replica> replica, ShardState* state, Epoch epoch);
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// The errors of the contract (schemas/worker.fbs). `unavailable` from a replica that does not
  /// lead carries an ErrorDetail that names the leader.
  Task<Result<wire::WriteReply>> write(RequestContext context, wire::WriteRequest request);
  Task<Result<wire::ReadReply>> read(RequestContext context, wire::ReadRequest request);
  Task<Result<wire::ShardSearchReply>> search(RequestContext context,
                                              wire::ShardSearchRequest request);

  /// Ends what it does in the background, for good: its replica is about to be removed. Requests go
  /// on, and are refused by the replica.
  Task<void> end();

  void set_epoch(Epoch epoch);
  /// Says that the worker of another copy is full until then: no more points are taken.
  void set_crowded_until(Instant until) { crowded_until_ = until; }
  /// Counted bytes of all that the shard keeps in memory.
  MemoryUse memory() const;
  /// Nodes of its graph that no walk leads to, as upkeep last saw.
  uint64_t unreachable_nodes() const {
    return state_->content() ? state_->content()->nodes_unreachable : 0;
  }
  Replica& replica() { return *replica_; }
  const ShardState& state() const { return *state_; }
  ShardUpkeep& upkeep() { return upkeep_; }
  /// Whether linking fell far behind the writes and has not caught up since.
  bool catching_up() const { return catching_up_; }

 private:
  using Hits = std::vector<index::Hit>;

  Result<void> check_route(uint64_t epoch) const;
  Result<stored::ShardCommand> command_of(wire::WriteRequest request);
  Result<stored::ShardOperation> operation_of(wire::WriteOperation operation, size_t place) const;
  Result<void> check_memory(const stored::ShardCommand& command, size_t entry_bytes);
  Status with_leader(const Status& status) const;
  Task<Result<void>> reach(wire::ReadLevel level, Instant deadline);
  Task<Hits> run_search(std::shared_ptr<ShardContent> content, index::Cut cut,
                        std::shared_ptr<const std::vector<float>> query,
                        index::SearchOptions options);
  std::optional<Hits> search_on_loop(const ShardContent& content, index::Cut cut,
                                     const std::vector<float>& query,
                                     index::SearchOptions options) const;
  Task<Result<HitDetails::Step>> add_details(const RequestContext* context, HitDetails* details,
                                             std::optional<AnswerTurns::Turn>* turn);
  Task<Result<void>> find_room(const RequestContext* context, size_t answer_bytes);
  Result<HitDetails::Step> add_details_at_once(HitDetails* details) const;
  std::vector<wire::ShardHit> rows_of(const ShardContent& content, const Hits& hits) const;
  Task<void> index_loop();

  Env* env_;
  const WorkerConfig* config_;
  MemoryBudget* budget_;
  AnswerTurns* answer_turns_;
  std::shared_ptr<Replica> replica_;
  ShardState* state_;
  /// Of the entries that are proposed here.
  HybridClock timestamps_;
  Epoch epoch_;
  Instant crowded_until_{};
  size_t searches_in_flight_ = 0;
  /// One index loop waits for a fuller batch on behalf of all.
  bool index_lingers_ = false;
  bool catching_up_ = false;
  ShardUpkeep upkeep_;
  TaskGroup tasks_;
};

}  // namespace vectron
