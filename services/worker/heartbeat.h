// Heartbeat: keeps a worker known to the placement driver, and carries out what it answers.
#pragma once

#include <optional>

#include "core/rpc/calls/last_leader.h"
#include "core/rpc/channel_pool.h"
#include "core/rpc/cluster_refusals.h"
#include "core/rpc/server.h"
#include "schemas/placement_rpc.h"
#include "services/worker/worker.h"

namespace vectron {

/// What the placement driver is told of this start of the worker.
struct Registration {
  /// Where the worker listens.
  Address address;
  uint64_t incarnation = 0;
  uint64_t folder_id = 0;
};

class Heartbeat {
 public:
  /// All outlive it.
  Heartbeat(Env* env, const WorkerConfig* config, Worker* worker, rpc::ChannelPool* channels,
            Registration self);

  /// Tells `server`, which outlives it, what is on record of the nodes that connect to it.
  void keep_informed(rpc::Server* server) { server_ = server; }

  /// Registers and reports: every heartbeat_interval, and when something changed: a new leader or a
  /// new replica at once, counts change_interval after the report before at the earliest. Returns
  /// only when nothing will ever come of it: the placement driver refuses this worker for good, and
  /// has never taken it since its start, or the worker holds nothing.
  Task<Status> run();
  /// Says once that the worker stops, so that nothing new is placed there. Requires: run() was
  /// ended.
  Task<bool> say_draining();

 private:
  Task<Result<void>> register_worker();
  Task<Result<void>> beat();
  void tell_orders(const Status& outcome);
  Task<Result<wire::HeartbeatReply>> report();
  wire::PlacementClient leader();
  void ask_another(const Status& failure);
  std::optional<Status> why_never(const Status& failure) const;
  void tell(const Status& failure, Instant asked);
  void complain(std::string_view what, const Status& failure);
  void say_ready();
  Task<void> wait_for_change();
  void learn_starts(const std::vector<wire::WorkerStart>& starts);
  RequestContext context() const;

  Env* env_;
  const WorkerConfig* config_;
  Worker* worker_;
  rpc::ChannelPool* channels_;
  rpc::Server* server_ = nullptr;
  Registration self_;
  rpc::LastLeader leader_;  // Which placement node is asked.
  bool registered_ = false;
  bool draining_ = false;
  std::string told_refusal_;  // The last one that was told.
  bool said_ready_ = false;
  std::optional<Instant> failing_since_;
  Instant complain_next_{};  // No line about a failure is written before.
  rpc::ClusterRefusals refusals_;
  std::string told_orders_;  // Why not all orders could be carried out, when it was told last.
  Worker::Signature reported_;
};

}  // namespace vectron
