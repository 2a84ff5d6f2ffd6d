#include "services/daemon/up.h"

#include <fmt/format.h>

#include "core/base/assert.h"
#include "net/event_loop.h"
#include "net/file_disk.h"
#include "net/in_process_network.h"
#include "net/production_env.h"
#include "net/signals.h"
#include "net/tcp_network.h"
#include "services/daemon/local_cluster.h"

namespace vectron {
namespace {

Task<void> keep(std::optional<Result<void>>* out, Task<Result<void>> task) {
  Result<void> outcome = co_await task;
  out->emplace(std::move(outcome));
}

}  // namespace

Result<void> UpConfig::validate() const {
  if (data.empty()) return fail(Code::invalid_argument, "a data folder is needed", "data");
  if (workers < 1 || workers > kWorkersMax) {
    return fail(Code::invalid_argument,
                fmt::format("there may be 1 to {} workers, not {}", kWorkersMax, workers),
                "workers");
  }
  return {};
}

Result<void> run_up(const UpConfig& config) {
  VECTRON_CHECK_OK(config.validate());
  LogSink sink(config.log_level);
  ProductionPools::Config pool_sizes;
  pool_sizes.cpu_threads = config.cpu_threads;
  ProductionPools pools(pool_sizes);
  EventLoop loop;
  StopSignals signals(loop);
  TcpNetwork tcp(loop, pools.files);
  InProcessNetwork network(loop.scheduler(), &tcp);
  VECTRON_TRY(const auto disk,
              FileDisk::open(loop, {&pools.files, &pools.key_values}, config.data));

  LocalCluster cluster({&sink, &pools, &loop, &network, disk.get()}, config);
  std::optional<Result<void>> outcome;
  TaskGroup tasks(loop.scheduler());
  tasks.spawn(keep(&outcome, cluster.run(&signals.requested())));
  loop.run_until([&outcome] { return outcome.has_value(); });
  VECTRON_ASSERT(outcome.has_value());
  return *std::move(outcome);
}

}  // namespace vectron
