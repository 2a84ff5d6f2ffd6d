#include "services/daemon/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/replica/replica_host.h"
#include "services/daemon/folder_check.h"
#include "services/daemon/machine_share.h"
#include "services/daemon/process.h"
#include "services/daemon/settings_check.h"

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

Task<Result<void>> start_node(const Service* service, const Settings* settings, RoleNode* node) {
  Runnable runnable = service->configure(*settings);
  if (!service->keeps_data) {
    auto starts = co_await count_start(&node->env(), settings->cluster, settings->node);
    VECTRON_CO_TRY(runnable.config().incarnation, starts);
  }
  std::optional<Probes::Config> probes;
  if (!service->serves_http && settings->http.has_value()) {
    probes.emplace(Probes::Config{*settings->http, settings->gateway.http_hosts});
  }
  auto started = co_await node->start(std::move(runnable), std::move(probes));
  co_return started;
}

Task<void> stop_when(Event* stop, RoleNode* node) {
  co_await stop->wait();
  node->request_stop();
}

Task<Result<void>> serve(const Service* service, const Settings* settings, Ground ground,
                         Event* stop, std::function<void(ReadyAddresses)> ready) {
  Condition changed(ground.loop->scheduler());
  const std::string name = fmt::format("{}-{}", service->name, settings->node);
  auto opened = RoleNode::open(ground, name, settings->data + "/node", &changed);
  VECTRON_CO_TRY(const std::unique_ptr<RoleNode> node, opened);
  TaskGroup tasks(ground.loop->scheduler());
  tasks.spawn(stop_when(stop, node.get()));
  const auto started = co_await start_node(service, settings, node.get());
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

Result<void> run_serve(const Service& service, Settings settings) {
  VECTRON_CHECK_OK(check_settings(settings, service.id));
  VECTRON_CHECK_OK(check_data_folder(service.id, settings.data));
  share_machine(1, &settings);
  return run_process(settings, [&service, &settings](Ground ground, Disk*, Event* stop,
                                                     std::function<void(ReadyAddresses)> ready) {
    return serve(&service, &settings, ground, stop, std::move(ready));
  });
}

}  // namespace vectron
