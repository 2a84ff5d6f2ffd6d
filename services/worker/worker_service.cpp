#include "services/worker/worker_service.h"

#include "core/async/combine.h"
#include "core/async/unless_set.h"
#include "core/base/need.h"
#include "services/node/node_life.h"
#include "services/worker/heartbeat.h"
#include "services/worker/stored_check.h"
#include "services/worker/worker.h"

namespace vectron {
namespace {

/// How long a worker that stops tries to tell the placement driver.
constexpr Duration kFarewellMax = 300ms;

std::string_view port_of(const Address& address) {
  return std::string_view(address.text).substr(address.text.rfind(':') + 1);
}

// What the placement driver is told: where others reach this worker.
Address reached_at(const std::optional<Address>& advertise, const Address& listening) {
  if (!advertise.has_value()) return listening;
  if (port_of(*advertise) != "0") return *advertise;
  const size_t host_bytes = advertise->text.size() - port_of(*advertise).size();
  return Address{advertise->text.substr(0, host_bytes) + std::string(port_of(listening))};
}

Task<void> keep_registered(Heartbeat* heartbeat, ReplicaHost* host) {
  Status refused = co_await heartbeat->run();
  host->give_up(std::move(refused));
}

}  // namespace

Result<void> WorkerConfig::validate() const {
  VECTRON_CHECK_OK(StoringNodeConfig::validate());
  VECTRON_CHECK_OK(need(!placement.empty(), "placement", "name at least one placement node"));
  VECTRON_CHECK_OK(need_positive(heartbeat_interval, "heartbeat_interval"));
  VECTRON_CHECK_OK(need_positive(change_interval, "change_interval"));
  VECTRON_CHECK_OK(need_positive(searches_in_flight_max, "searches_in_flight_max"));
  VECTRON_CHECK_OK(need_positive(index_batch_points_max, "index_batch_points_max"));
  VECTRON_CHECK_OK(need_not_negative(index_linger, "index_linger"));
  VECTRON_CHECK_OK(need(write_operations_max > 0 && write_operations_max <= kWriteOperationsMax,
                        "write_operations_max",
                        "must be between 1 and 500: set entry_operations_max (a write is applied "
                        "in one turn of the event loop)"));
  // An entry travels in one frame and is stored by one commit, each with something added for every
  // operation.
  static_assert(kWriteBytesMax <= kLogEntryBytesMax);
  const size_t stored = write_bytes_max * 2 + write_operations_max * kStoredOverheadBytesMax;
  VECTRON_CHECK_OK(need(
      write_bytes_max > 0 && write_bytes_max <= kWriteBytesMax &&
          stored <= replica.kv.batch_bytes_max,
      "write_bytes_max",
      "must be above zero, at most 1344 KiB, and with the operations fit twice into the store's "
      "batch: set entry_bytes_max and kv_batch_bytes_max"));
  VECTRON_CHECK_OK(need_positive(reply_bytes_max, "reply_bytes_max"));
  return upkeep.validate();
}

Task<Result<void>> run_worker(Env* env, WorkerConfig config) {
  const auto valid = config.validate();
  VECTRON_CO_CHECK_OK(valid);
  auto opened = co_await open_node(env, &config);
  VECTRON_CO_TRY(const std::unique_ptr<ReplicaNode> node, opened);
  if (node == nullptr) co_return Result<void>();
  Worker worker(env, &config, &node->host(), node->folder_id());
  auto starting = worker.start_known_replicas();
  const auto started = co_await unless_set(&env->scheduler(), config.stop, std::move(starting));
  if (!started.has_value()) co_return Result<void>();

  rpc::Server server(*env, node->server_config());
  wire::serve(server, static_cast<wire::WorkerHandler&>(worker));
  const auto listening = listen(config, node.get(), &server);
  VECTRON_CO_CHECK_OK(listening);

  const Registration self{reached_at(config.advertise, server.address()),
                          node->identity().incarnation, node->folder_id()};
  Heartbeat heartbeat(env, &config, &worker, &node->channels(), self);
  heartbeat.keep_informed(&server);
  TaskGroup tasks(env->scheduler());
  tasks.spawn(keep_registered(&heartbeat, &node->host()));
  const auto ended = co_await node->host().run_until(config.stop);
  tasks.cancel_all();
  if (ended.has_value()) {
    // Before anything is handed over: what comes after it finds another worker.
    const Instant until = env->clock().scheduler_time(env->clock().monotonic() + kFarewellMax);
    const auto told = co_await with_deadline(&env->scheduler(), until, heartbeat.say_draining());
    if (!told.value_or(false)) env->log().info("worker", "stops without having said so");
    co_await node->drain(&server, config.drain_timeout);
  }
  server.stop();
  if (ended.has_value()) co_await worker.write_checkpoints();
  co_return ended;
}

}  // namespace vectron
