#include "services/daemon/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "services/daemon/process.h"

namespace vectron {
namespace {

// A gateway keeps nothing, so its starts are told apart by the time: nodes that know a later start
// of it refuse an earlier one.
uint64_t incarnation_by_time(Clock& clock) {
  const auto since = clock.wall().time_since_epoch();
  return std::max<int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(since).count(), 1);
}

Task<Result<void>> start_role(Role role, const Settings* settings, RoleNode* node) {
  Result<void> started;
  if (role == Role::placement) {
    started = co_await node->start(placement_config(*settings), settings->http);
  } else if (role == Role::worker) {
    started = co_await node->start(worker_config(*settings), settings->http);
  } else {
    GatewayConfig config = gateway_config(*settings);
    config.incarnation = incarnation_by_time(node->env().clock());
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
  return run_process(settings, [role, &settings](Ground ground, Disk*, Event* stop,
                                                 std::function<void(ReadyAddresses)> ready) {
    return serve(role, &settings, ground, stop, std::move(ready));
  });
}

}  // namespace vectron
