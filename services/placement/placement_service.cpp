#include "services/placement/placement_service.h"

#include "core/async/task_group.h"
#include "core/base/need.h"
#include "services/node/group_node.h"
#include "services/placement/placement_api.h"
#include "services/placement/reconciler.h"

namespace vectron {
namespace {

constexpr ConfiguredGroup kGroup{kPlacementGroup, "the placement driver", "placement"};

// A node that knows no leader answers nothing.
Task<void> say_ready(const PlacementConfig* config, GroupNode* node) {
  co_await node->wait_for_leader();
  if (config->on_ready) config->on_ready();
}

// Tells `server` of the last start of each worker that holds copies. Of another one nothing is
// certain: whoever says Hello as it can register it anew.
Task<void> tell_starts(Env* env, const PlacementState* state, Condition* news,
                       rpc::Server* server) {
  uint64_t told_revision = 0;
  while (true) {
    if (state->counters().revision != told_revision) {
      told_revision = state->counters().revision;
      env->metrics().set(Metric::placement_workers, state->workers().size());
      server->know_starts(starts_of_holders(*state));
    }
    co_await news->wait();
  }
}

}  // namespace

Result<void> PlacementConfig::validate() const {
  VECTRON_CHECK_OK(GroupNodeConfig::validate());
  VECTRON_CHECK_OK(need_between(workers_max, 1, kWorkersMax, "workers_max"));
  VECTRON_CHECK_OK(need_positive(worker_silence_max, "worker_silence_max"));
  VECTRON_CHECK_OK(need_positive(create_wait, "create_wait"));
  VECTRON_CHECK_OK(need_positive(push_timeout, "push_timeout"));
  return need_positive(push_interval, "push_interval");
}

Task<Result<void>> run_placement(Env* env, PlacementConfig config) {
  const auto valid = config.validate();
  VECTRON_CO_CHECK_OK(valid);
  auto state = std::make_unique<PlacementState>(config.observer != nullptr);
  PlacementState* state_pointer = state.get();
  auto opened = co_await GroupNode::open(env, &config, kGroup, std::move(state));
  VECTRON_CO_TRY(const std::unique_ptr<GroupNode> node, opened);
  if (node == nullptr) co_return Result<void>();

  Condition* const news = &node->host().changed();
  Leadership leadership(env, &config, node->replica(), state_pointer, news);
  PlacementApi api(&leadership);
  Reconciler reconciler(&leadership, &node->node().channels());
  rpc::Server server(*env, node->node().server_config());
  wire::serve(server, static_cast<wire::PlacementHandler&>(api));
  const auto listening = node->listen(&server);
  VECTRON_CO_CHECK_OK(listening);
  TaskGroup tasks(env->scheduler());
  tasks.spawn(tell_starts(env, state_pointer, news, &server));
  tasks.spawn(say_ready(&config, node.get()));
  const auto ended = co_await node->run(&server);
  tasks.cancel_all();
  server.stop();
  co_return ended;
}

}  // namespace vectron
