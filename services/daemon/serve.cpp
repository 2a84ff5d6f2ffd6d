#include "services/daemon/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/replica/replica_host.h"
#include "services/daemon/folder_check.h"
#include "services/daemon/process.h"

namespace vectron {
namespace {

// Nodes that know a later start of a gateway refuse an earlier one. Its folder counts the starts,
// whatever the clock does; the time is for a gateway whose folder is made anew at each start.
Task<Result<uint64_t>> count_start(Env* env, ClusterId cluster, NodeId node) {
  const auto since = env->clock().wall().time_since_epoch();
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  const auto folder = co_await open_node_folder(env, cluster, node, std::max<int64_t>(now, 1));
  VECTRON_CO_CHECK_OK(folder);
  co_return folder->incarnation;
}

Task<Result<void>> start_role(Role role, const Settings* settings, RoleNode* node) {
  Result<void> started;
  std::optional<Probes::Config> probes;
  if (settings->http.has_value()) {
    probes.emplace(Probes::Config{*settings->http, settings->gateway.http_hosts});
  }
  if (role == Role::placement) {
    started = co_await node->start(placement_config(*settings), probes);
  } else if (role == Role::worker) {
    started = co_await node->start(worker_config(*settings, 1), probes);
  } else {
    GatewayConfig config = gateway_config(*settings);
    auto incarnation = co_await count_start(&node->env(), config.cluster, config.node);
    VECTRON_CO_TRY(config.incarnation, incarnation);
    started = co_await node->start(std::move(config));
  }
  co_return started;
}

Task<void> stop_when(Event* stop, RoleNode* node) {
  co_await stop->wait();
  node->request_stop();
}

Task<Result<void>> serve(Role role, const Settings* settings, Ground ground, Event* stop,
                         std::function<void(ReadyAddresses)> ready) {
  Condition changed(ground.loop->scheduler());
  const std::string name = fmt::format("{}-{}", role_name(role), settings->node);
  auto opened = RoleNode::open(ground, name, settings->data + "/node", &changed);
  VECTRON_CO_TRY(const std::unique_ptr<RoleNode> node, opened);
  TaskGroup tasks(ground.loop->scheduler());
  tasks.spawn(stop_when(stop, node.get()));
  const auto started = co_await start_role(role, settings, node.get());
  if (!started.has_value()) {
    // Being asked to stop while it waits for the others is an orderly end.
    if (stop->is_set() && started.error().code() == Code::cancelled) co_return Result<void>();
    co_return fail(started.error());
  }
  ready({node->rpc(), node->http()});
  while (!node->ended()) {
    co_await changed.wait();
  }
  const Status failure = node->failure();
  if (!failure.ok()) co_return fail(failure);
  co_return Result<void>();
}

}  // namespace

Result<void> run_serve(Role role, const Settings& settings) {
  VECTRON_CHECK_OK(settings.validate(role));
  VECTRON_CHECK_OK(check_data_folder(role, settings.data));
  return run_process(settings, [role, &settings](Ground ground, Disk*, Event* stop,
                                                 std::function<void(ReadyAddresses)> ready) {
    return serve(role, &settings, ground, stop, std::move(ready));
  });
}

}  // namespace vectron
