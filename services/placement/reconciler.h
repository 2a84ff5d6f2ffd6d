// Reconciler: the leader's own work: records births, forgets what is gone, and pushes to workers
// what changed for them.
//
// On the node's event loop, beside the requests. It waits for Leadership::work().
#pragma once

#include "core/async/task_group.h"
#include "core/rpc/channel_pool.h"
#include "schemas/worker_rpc.h"
#include "services/placement/leadership.h"
#include "services/placement/push_table.h"

namespace vectron {

class Reconciler {
 public:
  /// Both outlive it.
  Reconciler(Leadership* leadership, rpc::ChannelPool* channels);

 private:
  Task<void> run();
  void notice_term();
  bool has_work() const;
  Task<void> record_births();
  Task<void> forget_what_is_gone();
  void push_changes();
  Task<void> push(rpc::NodeAddress worker, PushTable::Push push);

  Leadership* leadership_;
  rpc::ChannelPool* channels_;
  PushTable pushes_;
  Term term_;  // Of pushes_.
  TaskGroup tasks_;
};

}  // namespace vectron
