#include "services/worker/worker_service.h"

#include "core/replica/raft_transport.h"
#include "core/replica/replica_host.h"
#include "core/rpc/server.h"
#include "services/worker/heartbeat.h"
#include "services/worker/worker.h"

namespace vectron {
namespace {

Task<void> beat(Heartbeat* heartbeat) {
  co_await heartbeat->run();
}

}  // namespace

Result<void> WorkerConfig::validate() const {
  const auto wrong = [](std::string_view field, std::string_view what) {
    return fail(Code::invalid_argument, std::string(what), std::string(field));
  };
  if (!cluster) return wrong("cluster", "a worker belongs to a cluster");
  if (!node) return wrong("node", "a worker has a node id");
  if (placement.empty()) return wrong("placement", "name at least one placement node");
  if (heartbeat_interval <= Duration::zero())
    return wrong("heartbeat_interval", "must be above zero");
  if (change_interval <= Duration::zero()) return wrong("change_interval", "must be above zero");
  if (request_timeout <= Duration::zero()) return wrong("request_timeout", "must be above zero");
  if (searches_in_flight_max == 0) return wrong("searches_in_flight_max", "must be at least 1");
  if (index_batch_points_max == 0) return wrong("index_batch_points_max", "must be at least 1");
  if (write_operations_max == 0) return wrong("write_operations_max", "must be at least 1");
  return replica.validate();
}

Task<Result<void>> run_worker(Env* env, WorkerConfig config) {
  const auto valid = config.validate();
  VECTRON_CO_CHECK_OK(valid);
  const auto manifest = co_await open_node_folder(env, config.cluster, config.node);
  VECTRON_CO_CHECK_OK(manifest);
  const rpc::Identity identity{config.cluster, config.node, manifest->incarnation};
  rpc::ClientConfig client_config;
  client_config.identity = identity;
  RaftTransport transport(env, client_config);
  ReplicaHostConfig host_config{config.cluster, config.node, manifest->incarnation, config.replica,
                                config.wal};
  auto opened = co_await ReplicaHost::open(env, host_config, &transport, config.observer);
  VECTRON_CO_TRY(const std::unique_ptr<ReplicaHost> host, opened);

  Worker worker(env, &config, host.get());
  co_await worker.start_known_replicas();

  RaftReceiver receiver(host.get());
  rpc::ServerConfig server_config;
  server_config.identity = identity;
  rpc::Server server(*env, server_config);
  wire::serve(server, static_cast<wire::WorkerHandler&>(worker));
  wire::serve(server, static_cast<wire::RaftHandler&>(receiver));
  const auto listening = server.start(config.listen);
  VECTRON_CO_CHECK_OK(listening);
  if (config.on_listening) config.on_listening(server.address());

  rpc::ChannelPool channels(*env, client_config);
  Heartbeat heartbeat(env, &config, &worker, &channels, server.address(), manifest->incarnation);
  TaskGroup tasks(env->scheduler());
  tasks.spawn(beat(&heartbeat));
  const auto ended = co_await host->run_until(config.stop);
  server.stop();
  co_return ended;
}

}  // namespace vectron
